/** What can be done to a store, and to which. */
import type { StoreName } from './databases.ts'
import {
  crashedServers,
  cutMessages,
  delayedConnections,
  endedBackends,
  type Fault,
  killedClients,
  killedProcess,
  lostCommits,
  pausedClients,
} from './faults/faults.ts'

export interface Scenario {
  readonly name: string
  readonly about: string
  readonly stores: readonly StoreName[]
  readonly faults: readonly Fault[]
  /** Whether clients are connected through a proxy that can cut and delay. */
  readonly isBehindProxy?: boolean
  /** How long transactions of the callers' own stay open at most, in milliseconds. */
  readonly slowness?: number
  /** Whether requests to DynamoDB fail, come late, or lose their answers. */
  readonly requestFaults?: boolean
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'calm',
    about: 'nothing happens: what is found then is the fault of the store alone',
    stores: ['postgres', 'pglite', 'dynamodb'],
    faults: [],
  },
  {
    name: 'kill',
    about: 'kill -9 of a random client each second',
    stores: ['postgres', 'dynamodb'],
    faults: [killedClients],
  },
  {
    name: 'kill',
    about: 'kill -9 of the process every few seconds',
    stores: ['pglite'],
    faults: [killedProcess],
  },
  {
    name: 'pause',
    about: 'clients stand still for longer than a lease',
    stores: ['postgres', 'dynamodb'],
    faults: [pausedClients],
  },
  {
    name: 'backends',
    about: "the server's processes are ended, three a second",
    stores: ['postgres'],
    faults: [endedBackends],
  },
  {
    name: 'crash',
    about: 'the server is stopped at once, and recovers, about every five seconds',
    stores: ['postgres'],
    faults: [crashedServers],
  },
  {
    name: 'ambiguous',
    about: 'connections are lost right after the commit, before its answer',
    stores: ['postgres'],
    faults: [lostCommits],
    isBehindProxy: true,
  },
  {
    name: 'cut',
    about: 'connections are cut at any message of the protocol, and delayed',
    stores: ['postgres'],
    faults: [cutMessages, delayedConnections],
    isBehindProxy: true,
  },
  {
    name: 'slow',
    about: 'transactions that commit late, or roll back, up to two seconds after they took their positions',
    stores: ['postgres'],
    faults: [],
    slowness: 2_000,
  },
  {
    name: 'requests',
    about: 'requests fail, come late, or were done though they failed',
    stores: ['dynamodb'],
    faults: [],
    requestFaults: true,
  },
  {
    name: 'all',
    about: 'everything at once',
    stores: ['postgres'],
    faults: [killedClients, pausedClients, endedBackends, crashedServers, lostCommits, delayedConnections],
    isBehindProxy: true,
    slowness: 500,
  },
  {
    name: 'all',
    about: 'everything at once',
    stores: ['dynamodb'],
    faults: [killedClients, pausedClients],
    requestFaults: true,
  },
]

/** Everything at once, if the store can have it. */
export function scenariosOf(store: StoreName): readonly Scenario[] {
  return scenarios.filter(({ stores }) => stores.includes(store))
}
