/** Implements `store.subscriptions`. */
import { InvalidInputError, UnknownSubscriptionError } from '../errors/index.ts'
import { checkBoolean, checkInteger, checkName } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { beginning, readSafely } from '../input/refusal.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Operations } from '../runtime/operations.ts'
import { itemsOf } from '../runtime/paged-reader.ts'
import { buildPrefix, type RegisteredSubscription } from '../storage/registry.ts'
import type { SubscriptionAdministration, SubscriptionSummary } from './administration.ts'
import { lowestCheckpoint } from './checkpoint-waits.ts'
import { startPositionIn } from './plan.ts'
import { startPosition } from './start-position.ts'
import { emptyStatus, type LogReads, logReads, subscriptionStatus } from './status.ts'
import { untilUnchanged } from './until-unchanged.ts'

const subscriptionsPerPage = 100
const statusesAtOnce = 4

export function subscriptionAdministration(
  environment: EngineEnvironment,
  operations: Operations,
): SubscriptionAdministration {
  const { storage } = environment
  const perform = operations.perform.bind(operations)

  async function registered(name: string, signal: AbortSignal | undefined): Promise<RegisteredSubscription> {
    const found = await storage.readSubscription(name, signal)
    if (found === undefined || isOfBuild(name)) throw new UnknownSubscriptionError(name)
    return found
  }

  /**
   * Reads the subscription and changes it. Repeats both if another process changed the subscription in between.
   * @throws StoreUnavailableError after 20 attempts
   */
  async function change(
    name: string,
    signal: AbortSignal | undefined,
    work: (current: RegisteredSubscription) => Promise<boolean>,
  ): Promise<void> {
    await untilUnchanged(`Changing the subscription '${name}'`, async () =>
      (await work(await registered(name, signal))) ? true : undefined,
    )
  }

  function checkHasPlace({ name, successor }: RegisteredSubscription): void {
    if (successor !== undefined) throw new UnknownSubscriptionError(name, successor)
  }

  async function setPaused(
    name: string,
    isPaused: boolean,
    options: { signal?: AbortSignal | undefined } = {},
  ) {
    checkName(name, 'name')
    const { signal } = optionsOf(options, ['signal'])
    return perform(signal, async () => {
      if (await storage.pauseSubscription(name, isPaused, signal)) return
      checkHasPlace(await registered(name, signal))
      throw new UnknownSubscriptionError(name)
    })
  }

  return {
    list(options) {
      const { signal } = optionsOf(options, ['signal'])
      return itemsOf(signal, async function* (signal) {
        for (let after = ''; ; ) {
          const from = after
          const page = await perform(signal, async () => {
            const found = await storage.listSubscriptions(from, subscriptionsPerPage, signal)
            return { found, summaries: await summariesOf(environment, found, signal) }
          })
          yield page.summaries
          if (page.found.length < subscriptionsPerPage) return
          after = (page.found.at(-1) as RegisteredSubscription).name
        }
      })
    },

    async get(name, options) {
      checkName(name, 'name')
      const { signal } = optionsOf(options, ['signal'])
      return perform(signal, async () => {
        const found = await storage.readSubscription(name, signal)
        return found && (await summaryOf(environment, found, signal))
      })
    },

    pause: (name, options) => setPaused(name, true, options),
    resume: (name, options) => setPaused(name, false, options),

    async move(name, to, options) {
      checkName(name, 'name')
      const start = readSafely('to', to, () => startPositionIn(to, 'to'))
      const { again = false, signal } = optionsOf(options, ['again', 'signal'])
      checkBoolean(again, 'again')
      return perform(signal, async () => {
        let position = 0
        await change(name, signal, async (current) => {
          checkHasPlace(current)
          if (current.definition?.kind === 'projection') {
            const problem = 'is a projection, which cannot be moved: call store.rebuild(projection)'
            throw new InvalidInputError('name', problem, beginning(name))
          }
          position = await startPosition(storage, start, signal)
          const reached = lowestCheckpoint(await storage.checkpoints(name, signal))
          if (reached > position && !again) {
            const problem = `is position ${position}, before the checkpoint ${reached} of '${name}'. To handle the events after position ${position} again, pass { again: true }`
            throw new InvalidInputError('to', problem, beginning(to))
          }
          return storage.changeSubscription(current, { position, again }, signal)
        })
        return position
      })
    },

    async repartition(name, partitions, options) {
      checkName(name, 'name')
      checkInteger(partitions, 'partitions', 1, 1_000)
      const { signal } = optionsOf(options, ['signal'])
      return perform(signal, () =>
        change(name, signal, async (current) => {
          checkHasPlace(current)
          if (current.definition?.kind === 'projection') {
            throw new InvalidInputError('name', 'is a projection, which has one partition', beginning(name))
          }
          if (current.partitions === partitions) return true
          return storage.changeSubscription(current, { partitions }, signal)
        }),
      )
    },

    async remove(name, options) {
      checkName(name, 'name')
      const { signal } = optionsOf(options, ['signal'])
      return perform(signal, () =>
        change(name, signal, async (current) => {
          const documents = await storage.registeredProjection(name, signal)
          if (current.definition?.kind === 'projection' && (documents?.version ?? 0) > 0) {
            const problem = 'is a projection that has documents: call store.dropProjection(name) first'
            throw new InvalidInputError('name', problem, beginning(name))
          }
          return storage.removeSubscription(current, signal)
        }),
      )
    },
  }
}

const isOfBuild = (name: string) => name.startsWith(buildPrefix)

/** Returns the summaries in the given order, without the progress of builds. */
async function summariesOf(
  environment: EngineEnvironment,
  subscriptions: readonly RegisteredSubscription[],
  signal: AbortSignal,
): Promise<readonly SubscriptionSummary[]> {
  const listed = subscriptions.filter(({ name }) => !isOfBuild(name))
  const summaries: SubscriptionSummary[] = []
  const log = logReads(environment, signal)
  for (let from = 0; from < listed.length; from += statusesAtOnce) {
    const some = listed.slice(from, from + statusesAtOnce)
    summaries.push(...(await Promise.all(some.map((one) => summaryOf(environment, one, signal, log)))))
  }
  return summaries
}

async function summaryOf(
  environment: EngineEnvironment,
  { name, definition, successor, isPaused, partitions, createdAt }: RegisteredSubscription,
  signal: AbortSignal | undefined,
  log?: LogReads,
): Promise<SubscriptionSummary> {
  const status = (await subscriptionStatus(environment, name, signal, log)) ?? emptyStatus(name, 0)
  const { owners, checkpoint, lag, lagTime, parked } = status
  const unowned = status.partitions.filter(({ owner }) => owner === undefined).length
  const { kind, version, types, streamPrefix, tags, transactional = false } = definition ?? {}
  const state = successor === undefined ? (isPaused ? 'paused' : 'active') : 'superseded'
  return {
    ...{ name, kind: kind === 'build' ? undefined : kind, version, state, successor },
    ...{ types, streamPrefix, tags, transactional, partitions },
    ...{ owners, unowned, checkpoint, lag, lagTime, parked, createdAt: new Date(createdAt) },
  }
}
