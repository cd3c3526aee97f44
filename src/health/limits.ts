/** The options of `health`: what counts as healthy. */
import { checkBoolean, checkInteger, checkMilliseconds, checkName } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { readSafely, refuse } from '../input/refusal.ts'

/** How far a subscription may be behind. Beyond a limit it is `degraded`. */
export interface SubscriptionLimits {
  /** Maximum number of positions between its checkpoint and the end of the log. @default no limit */
  readonly maxLag?: number | undefined
  /** Maximum age of the first event that it has not handled, in milliseconds. @default 60,000 */
  readonly maxLagTime?: number | undefined
  /** Maximum number of parked and blocked events. @default 0 */
  readonly maxParked?: number | undefined
}

/** A subscription that must exist, with its own limits. */
export interface ExpectedSubscription extends SubscriptionLimits {
  readonly name: string
  /** Whether only `runOnce` runs it, so that most of the time no worker owns it. @default false */
  readonly scheduled?: boolean | undefined
}

/** The options of `health`. Those of `SubscriptionLimits` apply to each subscription without a limit of its own. */
export interface HealthOptions extends SubscriptionLimits {
  /** How long the check waits for the database, in milliseconds. @default 2,000 */
  readonly timeout?: number | undefined
  /** For how long calls share one look at the database, in milliseconds; 0: only calls at the same time. @default 1,000 */
  readonly maxAge?: number | undefined
  /** For how long an append may hold back the readers of the log before the check is `degraded`, in milliseconds. @default 10,000 */
  readonly maxFrontierAge?: number | undefined
  /**
   * The subscriptions that must be registered and run, by name or with limits of their own. An empty array checks none, and
   * then the check does not ask for them. @default all that are registered
   */
  readonly subscriptions?: readonly (string | ExpectedSubscription)[] | undefined
}

/** Checked options. */
export interface HealthLimits {
  readonly timeout: number
  readonly maxAge: number
  readonly maxFrontierAge: number
  /** Undefined: all that are registered, with the limits of `others`. */
  readonly expected: readonly Limits[] | undefined
  readonly others: Omit<Limits, 'name'>
}

export type Limits = {
  readonly [Name in keyof ExpectedSubscription]-?: Exclude<ExpectedSubscription[Name], undefined>
}

const limitNames = ['maxLag', 'maxLagTime', 'maxParked'] as const

/** @throws InvalidInputError if an option is wrong */
export function healthLimits(options: HealthOptions | undefined): HealthLimits {
  const {
    timeout = 2_000,
    maxAge = 1_000,
    maxFrontierAge = 10_000,
  } = optionsOf(options, ['timeout', 'maxAge', 'maxFrontierAge'])
  const { subscriptions } = optionsOf(options, ['subscriptions'])
  checkMilliseconds(timeout, 'timeout', 1)
  checkMilliseconds(maxAge, 'maxAge', 0)
  checkMilliseconds(maxFrontierAge, 'maxFrontierAge', 0)
  const given = optionsOf(options, limitNames)
  checkLimits(given, '')
  const none = { maxLag: Number.MAX_SAFE_INTEGER, maxLagTime: 60_000, maxParked: 0 }
  const others = { ...withLimits(none, given), scheduled: false }
  const expected = subscriptions === undefined ? undefined : expectedOf(subscriptions, others)
  return { timeout, maxAge, maxFrontierAge, expected, others }
}

function expectedOf(subscriptions: unknown, others: Omit<Limits, 'name'>): readonly Limits[] {
  const field = 'subscriptions'
  const given = readSafely(field, subscriptions, () => {
    if (!Array.isArray(subscriptions)) refuse(field, 'must be an array of names or objects', subscriptions)
    return Array.from(subscriptions as readonly (string | ExpectedSubscription)[])
  })
  return given.map((one, index) => {
    const place = `${field}[${index}]`
    if (typeof one === 'string') {
      checkName(one, place)
      return { ...others, name: one }
    }
    if (one === undefined) refuse(place, 'must be a name or an object', one)
    const {
      name,
      scheduled = false,
      ...limits
    } = optionsOf(one, ['name', 'scheduled', ...limitNames], place, `${place}.`)
    checkName(name, `${place}.name`)
    checkBoolean(scheduled, `${place}.scheduled`)
    checkLimits(limits, `${place}.`)
    return { ...withLimits(others, limits), name, scheduled }
  })
}

type EachLimit = Pick<Limits, (typeof limitNames)[number]>

function withLimits(
  others: EachLimit,
  {
    maxLag = others.maxLag,
    maxLagTime = others.maxLagTime,
    maxParked = others.maxParked,
  }: SubscriptionLimits,
): EachLimit {
  return { maxLag, maxLagTime, maxParked }
}

function checkLimits({ maxLag, maxLagTime, maxParked }: SubscriptionLimits, within: string): void {
  if (maxLag !== undefined) checkInteger(maxLag, `${within}maxLag`, 0)
  if (maxLagTime !== undefined) checkMilliseconds(maxLagTime, `${within}maxLagTime`, 0)
  if (maxParked !== undefined) checkInteger(maxParked, `${within}maxParked`, 0)
}
