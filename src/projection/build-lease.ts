/** The lease that lets one process at a time build a projection. If that process dies, another one takes over. */
import { randomUUID } from 'node:crypto'
import { LeaseLostError, RebuildRunningError } from '../errors/index.ts'
import type { EngineEnvironment } from '../runtime/environment.ts'
import { buildPrefix, type SubscriptionDefinition } from '../storage/registry.ts'
import type { Lease } from '../storage/subscriptions.ts'

// In milliseconds.
const leaseTime = 10_000
const pollInterval = 250

const buildDefinition: SubscriptionDefinition = {
  kind: 'build',
  version: 1,
  partitions: 1,
  transactional: true,
  types: undefined,
  streamPrefix: undefined,
  tags: undefined,
}

/** The lease of a reserved subscription. The checkpoint of that subscription stores how far the build has come. */
export class BuildLease {
  readonly #environment: EngineEnvironment
  readonly #subscription: string
  readonly #worker = randomUUID()
  #place = ''
  #lease: Lease | undefined
  /** When this process sent the last renewal, by its own clock. */
  #renewedAt = 0
  /** The server that the build read its checkpoint from. */
  #server: string | undefined

  constructor(environment: EngineEnvironment, projection: string) {
    this.#environment = environment
    this.#subscription = buildPrefix + projection
  }

  /**
   * Takes the lease. If another process holds it, waits for longer than the lease of a killed process lasts.
   * @throws RebuildRunningError if another process still holds the lease after that time
   */
  async take(projection: string, signal: AbortSignal | undefined): Promise<void> {
    const { storage, clock } = this.#environment
    const { place } = await storage.createSubscription(this.#subscription, buildDefinition, 0, signal)
    this.#place = place as string
    const end = clock.now() + leaseTime * 1.5
    for (;;) {
      this.#lease = await this.#requestLease(signal)
      this.#server = this.#lease?.server
      if (this.#lease !== undefined) return
      if (clock.now() >= end) {
        await storage.leave(this.#place, this.#worker)
        throw new RebuildRunningError(projection)
      }
      await clock.sleep(pollInterval, signal)
    }
  }

  async #requestLease(signal: AbortSignal | undefined): Promise<Lease | undefined> {
    const { storage, clock } = this.#environment
    const sentAt = clock.now()
    const beat = {
      subscription: this.#subscription,
      place: this.#place,
      version: buildDefinition.version,
      worker: this.#worker,
      milliseconds: leaseTime,
    }
    const [kept] = await storage.keepLeases([beat], signal)
    this.#renewedAt = sentAt
    return kept?.kind === 'kept' ? kept.leases[0] : undefined
  }

  /** Refuses a lease with another token: another process has held it in between. @throws LeaseLostError */
  async #renew(signal: AbortSignal | undefined): Promise<Lease> {
    const lease = await this.#requestLease(signal)
    if (lease === undefined || lease.token !== this.#lease?.token) throw this.#lost()
    this.#lease = lease
    return lease
  }

  #lost(): LeaseLostError {
    return new LeaseLostError(this.#subscription, 0)
  }

  /** Returns the lease, renewed if a third of its time is over. @throws LeaseLostError */
  async #current(signal: AbortSignal | undefined): Promise<Lease> {
    const isDue = this.#environment.clock.now() - this.#renewedAt > leaseTime / 3
    const lease = isDue ? await this.#renew(signal) : this.#lease
    if (lease === undefined) throw this.#lost()
    return lease
  }

  /**
   * Returns the lease, renewed if a third of its time is over.
   * @throws LeaseLostError if another process has it, or if the server has changed: the new server may lack events that
   * the build has read, so the build must read its checkpoint again
   */
  async held(signal: AbortSignal | undefined): Promise<Lease> {
    const lease = await this.#current(signal)
    if (lease.server !== this.#server) throw this.#lost()
    return lease
  }

  /**
   * Deletes documents of generations that are neither read nor `keep`. Stops when the lease is lost, because the next
   * owner may be building one of those generations. @throws LeaseLostError
   */
  async dropDocuments(projection: string, keep: number | undefined, signal?: AbortSignal): Promise<void> {
    const { storage } = this.#environment
    do {
      await this.#current(signal)
    } while ((await storage.dropDocuments(projection, keep, signal)) > 0)
  }

  /** Returns the stored checkpoint of the build, from the server that answers now. @throws LeaseLostError */
  async readCheckpoint(signal: AbortSignal | undefined): Promise<number> {
    const { position, server } = await this.#renew(signal)
    this.#server = server
    return position
  }

  /**
   * Moves the checkpoint to the start of the log for the next build, and ends the lease. It keeps the record with its
   * fencing token: a new record would start at the first token again, and accept a worker that held it long ago.
   */
  async reset(signal?: AbortSignal): Promise<void> {
    const { storage } = this.#environment
    await storage.transaction(
      'Resetting a build',
      (transaction) => transaction.moveCheckpoints(this.#subscription, buildDefinition, 0),
      signal,
    )
    this.#lease = undefined
  }

  /** Releases the lease, so that another process can resume the build. */
  async release(): Promise<void> {
    const { storage } = this.#environment
    if (this.#lease !== undefined) await storage.releaseLeases([this.#lease], this.#worker)
    await storage.leave(this.#place, this.#worker)
  }
}
