/** The registry of subscriptions: what each one is, and the changes that end its leases. */
import { randomUUID } from 'node:crypto'
import type {
  RegisteredSubscription,
  SubscriptionDefinition,
  SubscriptionKind,
  SubscriptionRegistry,
} from '../storage/index.ts'
import type { Parameters, Row, Statement } from './client.ts'
import type { Runner } from './runner.ts'
import type { Statements } from './statements.ts'

/** Makes the registry of subscriptions. */
export function subscriptionRegistry(runner: Runner, statements: Statements): SubscriptionRegistry {
  // A change waits for the transactions of handlers, which hold a checkpoint until their commit.
  const lockTimeout = runner.lockTimeouts.forDocuments

  /** Runs a statement that says whether it has done its work. Each call waits for locks for the store's `timeout`. */
  async function isDone(
    what: string,
    statement: Statement,
    parameters: (retried: boolean) => Parameters,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const [row] = await runner.run(what, statement, parameters, signal, 'retry')
    return row?.done === 'true'
  }

  return {
    async readSubscription(name, signal) {
      const what = 'Reading a subscription'
      const [row] = await runner.run(what, statements.readSubscription, () => [name], signal)
      return row && registeredOf(row)
    },

    async createSubscription(name, definition, position, signal) {
      const parameters = [name, JSON.stringify(definition), String(position), lockTimeout]
      const what = 'Creating a subscription'
      const rows = await runner.run(what, statements.createSubscription, () => parameters, signal, 'retry')
      return registeredOf(rows[0] as Row)
    },

    async changeSubscription({ name, place, revision }, { definition, partitions, position }, signal) {
      if (place === undefined) return false
      const parameters = [
        name,
        place,
        String(revision),
        randomUUID(),
        definition === undefined ? null : JSON.stringify(definition),
        optionalNumber(partitions),
        optionalNumber(position),
        lockTimeout,
      ]
      return isDone('Changing a subscription', statements.changeSubscription, () => parameters, signal)
    },

    async takeOverSubscription({ name, place, revision }, successor, definition, signal) {
      if (place === undefined) return false
      const parameters = [
        name,
        place,
        String(revision),
        randomUUID(),
        successor,
        JSON.stringify(definition),
        lockTimeout,
      ]
      const what = 'Taking over a subscription'
      return isDone(what, statements.takeOverSubscription, () => parameters, signal)
    },

    pauseSubscription(name, isPaused, signal) {
      const parameters = [name, String(isPaused), lockTimeout]
      const what = isPaused ? 'Pausing a subscription' : 'Resuming a subscription'
      return isDone(what, statements.pauseSubscription, () => parameters, signal)
    },

    removeSubscription({ name, place, revision }, signal) {
      const parameters = (retried: boolean) => [
        name,
        place ?? null,
        String(revision),
        String(retried),
        lockTimeout,
      ]
      return isDone('Removing a subscription', statements.removeSubscription, parameters, signal)
    },

    async listSubscriptions(after, limit, signal) {
      const parameters = [after, String(limit)]
      const what = 'Listing subscriptions'
      const rows = await runner.run(what, statements.listSubscriptions, () => parameters, signal)
      return rows.map(registeredOf)
    },
  }
}

function optionalNumber(value: number | undefined): string | null {
  return value === undefined ? null : String(value)
}

/** Decodes a row of `subscription_columns.sql`. */
function registeredOf(row: Row): RegisteredSubscription {
  return {
    name: JSON.parse(String(row.name)),
    place: optionalText(row.place),
    definition: row.definition === null ? undefined : definitionOf(String(row.definition)),
    partitions: Number(row.partitions),
    isPaused: row.is_paused === 'true',
    successor: optionalText(row.successor),
    createdAt: new Date(Number(row.created_at)),
    revision: Number(row.revision),
  }
}

function optionalText(column: unknown): string | undefined {
  return column === null ? undefined : JSON.parse(String(column))
}

/** The JSON lacks the properties that are undefined. */
function definitionOf(json: string): SubscriptionDefinition {
  const { kind, version, partitions, transactional, types, streamPrefix, tags } = JSON.parse(json) as {
    kind: SubscriptionKind
    version: number
    partitions: number
    transactional: boolean
    types?: readonly string[]
    streamPrefix?: string
    tags?: readonly string[]
  }
  return { kind, version, partitions, transactional, types, streamPrefix, tags }
}
