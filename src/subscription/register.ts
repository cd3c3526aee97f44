/** Registers a subscription when a worker starts, and compares what is stored with what the program says. */
import { SubscriptionMismatchError } from '../errors/index.ts'
import type { RegisteredSubscription } from '../storage/registry.ts'
import type { Storage } from '../storage/storage.ts'
import { differencesOf, sortedFilter } from './definition.ts'
import type { Plan } from './plan.ts'
import { startPosition } from './start-position.ts'
import { untilUnchanged } from './until-unchanged.ts'

/**
 * The result of a registration. 'registered': the worker may run. 'superseded': a higher version or a successor runs
 * instead.
 */
export type Registration =
  | { readonly kind: 'registered'; readonly place: string }
  | { readonly kind: 'superseded' }

/**
 * Registers the subscription, or raises its version. It compares before it prepares the handler: a projection must not
 * register documents under the name of another subscription.
 * @throws SubscriptionMismatchError if the program's definition differs from the stored one, for the same version
 * @throws StoreUnavailableError if other processes changed the subscription during each of 20 attempts
 */
export async function registerSubscription(
  storage: Storage,
  plan: Plan,
  signal: AbortSignal,
): Promise<Registration> {
  const { name, definition, handler } = plan
  return untilUnchanged(
    `Registering the subscription '${name}'`,
    async (): Promise<Registration | undefined> => {
      const stored = await storage.readSubscription(name, signal)
      if (stored !== undefined && compare(plan, stored) === 'superseded') return { kind: 'superseded' }
      await handler.prepare()
      const registered = stored ?? (await create(storage, plan, signal))
      if (registered === undefined) return undefined
      const action = compare(plan, registered)
      if (action === 'superseded') return { kind: 'superseded' }
      if (action === 'same') return { kind: 'registered', place: registered.place as string }
      // A number of partitions that an operator has set stays, until the program asks for another one than before.
      const isSameNumber = definition.partitions === registered.definition?.partitions
      const partitions = isSameNumber ? registered.partitions : definition.partitions
      await storage.changeSubscription(registered, { definition, partitions }, signal)
      // The next attempt reads what is registered now.
      return undefined
    },
  )
}

/** Returns undefined if another process was faster, or if the subscription took over a place: the caller reads it again. */
async function create(
  storage: Storage,
  { name, definition, from, predecessor }: Plan,
  signal: AbortSignal,
): Promise<RegisteredSubscription | undefined> {
  const before = predecessor === undefined ? undefined : await storage.readSubscription(predecessor, signal)
  // If the predecessor's successor has this name, another process was faster, or the successor was removed since. In the
  // first case, `createSubscription` returns what that process has registered.
  if (before === undefined || before.successor === name) {
    const position = await startPosition(storage, from, signal)
    return storage.createSubscription(name, definition, position, signal)
  }
  if (before.successor !== undefined) {
    const problem = `from.after names '${before.name}', but '${before.successor}' has taken over its place already. To take over from '${before.successor}', write from: { after: '${before.successor}', … }. To begin elsewhere, give another from`
    throw new SubscriptionMismatchError(name, problem)
  }
  if (before.definition !== undefined && before.definition.kind !== definition.kind) {
    const problem = `a ${definition.kind} cannot take over the place of the ${before.definition.kind} '${before.name}'. Name a ${definition.kind} in from.after`
    throw new SubscriptionMismatchError(name, problem)
  }
  await storage.takeOverSubscription(before, name, definition, signal)
  return undefined
}

/** Whether the subscription is stored as the program defines it, so that a worker would have nothing to register. */
export function isRegisteredAs(plan: Plan, registered: RegisteredSubscription): boolean {
  try {
    return compare(plan, registered) === 'same'
  } catch {
    return false
  }
}

/** @throws SubscriptionMismatchError */
function compare(
  { name, definition, typesToday }: Plan,
  { definition: registered, partitions, successor }: RegisteredSubscription,
): 'same' | 'raise' | 'superseded' {
  if (successor !== undefined) return 'superseded'
  if (registered === undefined) return 'raise'
  const isSameKind = registered.kind === definition.kind
  if (isSameKind && registered.version > definition.version) return 'superseded'
  if (isSameKind && registered.version < definition.version) return 'raise'
  if (!isSameKind) {
    const problem = `the stored one is a ${registered.kind}, and this program starts a ${definition.kind}. Give one of the two another name`
    throw new SubscriptionMismatchError(name, problem)
  }
  if (differencesOf(definition, registered, partitions).length === 0) return 'same'
  // A process of an earlier release may have registered it, with names that the catalogue has renamed or split since.
  const { streamPrefix, tags } = registered
  const today = sortedFilter({ types: typesToday(registered.types), streamPrefix, tags })
  const differences = differencesOf(definition, { ...registered, ...today }, partitions)
  if (differences.length === 0) return 'same'
  const { version } = definition
  const has = differences.map(({ stored }) => stored).join(', ')
  const says = differences.map(({ given }) => given).join(', ')
  const remedy = `To change the subscription, raise its version to ${version + 1}. To run another one, give it another name`
  throw new SubscriptionMismatchError(
    name,
    `version ${version} is stored with ${has}, and this program has ${says}. ${remedy}`,
  )
}
