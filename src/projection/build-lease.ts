/** The right to build a projection: one process at a time, and another one if that dies. */
import { randomUUID } from 'node:crypto'
import { LeaseLostError, RebuildRunningError } from '../errors/index.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import type { Lease } from '../storage/subscriptions.ts'

const leaseTime = 10_000
const pollInterval = 250

/** A lease of the reserved subscription whose checkpoint is how far the build has come. */
export class BuildLease {
  readonly #environment: EngineEnvironment
  readonly #subscription: string
  readonly #worker = randomUUID()
  #lease: Lease | undefined
  #keptAt = 0
  /** The server whose checkpoint the build has begun at. */
  #server: string | undefined

  constructor(environment: EngineEnvironment, projection: string) {
    this.#environment = environment
    this.#subscription = `$build:${projection}`
  }

  /** Waits for as long as the lease of one that was killed may last. @throws RebuildRunningError */
  async take(projection: string, signal: AbortSignal | undefined): Promise<void> {
    const { storage, clock } = this.#environment
    await storage.createSubscription(this.#subscription, 1, 0, signal)
    const end = clock.now() + leaseTime * 1.5
    for (;;) {
      this.#lease = await this.#renewed(signal)
      this.#server = this.#lease?.server
      if (this.#lease !== undefined) return
      if (clock.now() >= end) {
        await storage.leave(this.#subscription, this.#worker)
        throw new RebuildRunningError(projection)
      }
      await clock.sleep(pollInterval, signal)
    }
  }

  async #renewed(signal: AbortSignal | undefined): Promise<Lease | undefined> {
    const { storage, clock } = this.#environment
    const sentAt = clock.now()
    const { leases } = await storage.keepLeases(this.#subscription, this.#worker, leaseTime, signal)
    this.#keptAt = sentAt
    return leases[0]
  }

  /** One with another token is another lease: somebody has built in between. @throws LeaseLostError */
  async #renew(signal: AbortSignal | undefined): Promise<Lease> {
    const lease = await this.#renewed(signal)
    if (lease === undefined || lease.token !== this.#lease?.token) throw this.#lost()
    this.#lease = lease
    return lease
  }

  #lost(): LeaseLostError {
    return new LeaseLostError(this.#subscription, 0)
  }

  /** The lease, renewed if it is time to. @throws LeaseLostError */
  async #kept(signal: AbortSignal | undefined): Promise<Lease> {
    const isDue = this.#environment.clock.now() - this.#keptAt > leaseTime / 3
    const lease = isDue ? await this.#renew(signal) : this.#lease
    if (lease === undefined) throw this.#lost()
    return lease
  }

  /**
   * The lease, renewed if it is time to. If it is another server's by now, what was read may be of a log that is lost, and
   * the checkpoint is to be read again. @throws LeaseLostError
   */
  async held(signal: AbortSignal | undefined): Promise<Lease> {
    const lease = await this.#kept(signal)
    if (lease.server !== this.#server) throw this.#lost()
    return lease
  }

  /** Deletes documents that nobody reads, or builds, for as long as the lease is held: another may be building some by now. */
  async dropDocuments(projection: string, keep: number | undefined, signal?: AbortSignal): Promise<void> {
    const { storage } = this.#environment
    do {
      await this.#kept(signal)
    } while ((await storage.dropDocuments(projection, keep, signal)) > 0)
  }

  /** The checkpoint as it is stored, on whichever server there is now. @throws LeaseLostError */
  async reread(signal: AbortSignal | undefined): Promise<number> {
    const { position, server } = await this.#renew(signal)
    this.#server = server
    return position
  }

  /**
   * The next build begins at the start of the log. The checkpoint stays, with its token: made anew, it would take a
   * worker of long ago for its owner.
   */
  async reset(signal?: AbortSignal): Promise<void> {
    const { storage } = this.#environment
    await storage.transaction(
      'Resetting a build',
      (transaction) => transaction.moveCheckpoints(this.#subscription, 0),
      signal,
    )
    this.#lease = undefined
  }

  /** Lets others go on with what was built so far. */
  async release(): Promise<void> {
    const { storage } = this.#environment
    if (this.#lease !== undefined) await storage.releaseLeases([this.#lease], this.#worker)
    await storage.leave(this.#subscription, this.#worker)
  }
}
