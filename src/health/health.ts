/** Answers whether a store is healthy: its database, the frontier of its log, and its subscriptions. */
import type { Health, HealthStatus } from './checks.ts'
import { checksOf } from './judge.ts'
import { type HealthLimits, type HealthOptions, healthLimits } from './limits.ts'
import { checkStore, type HealthStore, looksOf } from './look.ts'

const rank = { ok: 0, degraded: 1, failed: 2 }

/**
 * Checks the health of a store. It answers within `timeout`, also if the database is silent, and rejects only for wrong
 * options. Calls at the same time, and within `maxAge`, share one look at the database.
 * @throws InvalidInputError if an argument is wrong
 */
export async function health(store: HealthStore, options?: HealthOptions): Promise<Health> {
  checkStore(store)
  return healthWithin(store, healthLimits(options))
}

/** Checks the health of a store by checked options. Never rejects. */
export async function healthWithin(store: HealthStore, limits: HealthLimits): Promise<Health> {
  const look = await looksOf(store).take(limits)
  const checks = checksOf(look, limits)
  const status = checks.reduce<HealthStatus>(
    (worst, check) => (rank[check.status] > rank[worst] ? check.status : worst),
    'ok',
  )
  return { status, checkedAt: look.at, checks }
}
