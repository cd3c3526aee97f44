/** The scenarios: which faults happen in a campaign, and on which stores. */
import type { StoreName } from './databases.ts'
import { changedSubscriptions } from './faults/changes.ts'
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
  /** Whether clients connect through a proxy that can cut and delay connections. */
  readonly isBehindProxy?: boolean
  /** The longest time that the callers' own transactions stay open, in milliseconds. @default no such transactions */
  readonly slowness?: number
  /** Whether requests to DynamoDB fail, arrive late, or lose their answers. */
  readonly requestFaults?: boolean
  /** How many subscriptions each follower runs. @default those of every campaign */
  readonly subscriptions?: number
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'calm',
    about: 'no faults: anything that is found is an error of the store',
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
    about: 'clients are stopped for longer than their leases last',
    stores: ['postgres', 'dynamodb'],
    faults: [pausedClients],
  },
  {
    name: 'backends',
    about: "the server's backend processes are terminated, three a second",
    stores: ['postgres'],
    faults: [endedBackends],
  },
  {
    name: 'crash',
    about: 'the server crashes and recovers, about every five seconds',
    stores: ['postgres'],
    faults: [crashedServers],
  },
  {
    name: 'ambiguous',
    about: 'connections are cut right after a commit, before its answer arrives',
    stores: ['postgres'],
    faults: [lostCommits],
    isBehindProxy: true,
  },
  {
    name: 'cut',
    about: 'connections are cut at any message of the protocol, or delayed',
    stores: ['postgres'],
    faults: [cutMessages, delayedConnections],
    isBehindProxy: true,
  },
  {
    name: 'slow',
    about: 'transactions commit or roll back up to two seconds after they took their positions',
    stores: ['postgres'],
    faults: [],
    slowness: 2_000,
  },
  {
    name: 'requests',
    about: 'requests fail, arrive late, or succeed although the client gets an error',
    stores: ['dynamodb'],
    faults: [],
    requestFaults: true,
  },
  {
    name: 'change',
    about:
      'subscriptions are repartitioned, paused, raised and taken over, while clients are killed and stopped',
    stores: ['postgres', 'dynamodb'],
    faults: [changedSubscriptions, killedClients, pausedClients],
    subscriptions: 15,
  },
  {
    name: 'all',
    about: 'kills, pauses, crashes, lost answers, delays and slow transactions together',
    stores: ['postgres'],
    faults: [killedClients, pausedClients, endedBackends, crashedServers, lostCommits, delayedConnections],
    isBehindProxy: true,
    slowness: 500,
  },
  {
    name: 'all',
    about: 'kills, pauses and failing requests together',
    stores: ['dynamodb'],
    faults: [killedClients, pausedClients],
    requestFaults: true,
  },
]

/** Returns the scenarios of a store. */
export function scenariosOf(store: StoreName): readonly Scenario[] {
  return scenarios.filter(({ stores }) => stores.includes(store))
}
