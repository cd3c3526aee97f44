/** Changes that operators make while a campaign runs: partitions, pauses, and new generations of the subscriptions. */
import { type EventStore, hasCode } from '@eventsourced/core'
import { openStore } from '../open-store.ts'
import { nameIn, type ShardSubscription, shardSubscriptions } from '../shard-subscriptions.ts'
import { type Fault, waitUnlessEnded } from './faults.ts'

/** Changes a subscription about twice a second. About each eighth change raises the generation of the clients. */
export const changedSubscriptions: Fault = async (context) => {
  const { database, clients, random, subscriptions, count } = context
  const all = shardSubscriptions(subscriptions)
  const { store, former } = await openStore(database.address)
  await former?.close()
  const paused = new Set<string>()
  let generation = 1
  try {
    while (await waitUnlessEnded(context, 250 + random.below(500))) {
      const { base, isSucceeded, ...rest } = random.pick(all)
      const name = nameIn(generation, { base, isSucceeded, ...rest })
      const share = random.below(8)
      if (share === 0) {
        if (!(await areRegistered(store, all, generation))) continue
        generation = await clients.raise(random)
        count('generations')
        continue
      }
      await unlessMissing(async () => {
        if (share === 1) {
          await store.subscriptions.pause(name)
          paused.add(base)
          count('pauses')
        } else if (share === 2) {
          for (const one of all) if (paused.delete(one.base)) await resume(store, one, generation)
        } else {
          await store.subscriptions.repartition(name, 1 + random.below(8))
          count('repartitions')
        }
      })
    }
  } finally {
    for (const one of all) await resume(store, one, generation)
    await store.close()
  }
}

/** Resumes a subscription under its present and its former name: no worker may have started the present one yet. */
async function resume(store: EventStore, one: ShardSubscription, generation: number): Promise<void> {
  for (const each of new Set([generation - 1, generation])) {
    await unlessMissing(() => store.subscriptions.resume(nameIn(Math.max(1, each), one)))
  }
}

/**
 * Returns whether each successor of a generation is registered. The next generation begins only then: a takeover must
 * find its predecessor.
 */
async function areRegistered(
  store: EventStore,
  all: readonly ShardSubscription[],
  generation: number,
): Promise<boolean> {
  for (const one of all) {
    if (!one.isSucceeded) continue
    if ((await store.subscriptionStatus(nameIn(generation, one))) === undefined) return false
  }
  return true
}

/** Ignores the refusal of a subscription that no worker has started yet, or whose place a successor has taken over. */
async function unlessMissing(change: () => Promise<void>): Promise<void> {
  try {
    await change()
  } catch (error) {
    const isExpected = ['unknown-subscription', 'invalid-input', 'store-unavailable'] as const
    if (!isExpected.some((code) => hasCode(error, code))) throw error
  }
}
