/**
 * The workers of this process. A worker has an item from its first heartbeat until it leaves. Other processes count it as
 * alive as long as this process sends heartbeats. So this process must remove the item when the worker has ended. If that
 * fails, it retries with each heartbeat.
 */
import type { WorkerBeat } from '../../storage/index.ts'
import { workerKey } from '../keys.ts'
import { number, text } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import type { LeaseTimes } from './process-beats.ts'
import type { StoredWorker } from './subscription-items.ts'

export interface OwnWorker {
  readonly place: string
  readonly name: string
  /** In milliseconds. */
  readonly leaseTime: number
  /** When the process last sent a heartbeat for the worker, by the monotonic clock. */
  readonly beatAt: number
  readonly mustLeave: boolean
}

const idOf = (place: string, name: string) => `${place} ${name}`

export class OwnWorkers {
  readonly #connection: Connection
  readonly #table: string
  /** The name of this process. */
  readonly process: string
  readonly #workers = new Map<string, OwnWorker>()
  /** How many calls send a heartbeat for each worker at this moment. */
  readonly #beating = new Map<string, number>()

  constructor(connection: Connection, table: string, process: string) {
    this.#connection = connection
    this.#table = table
    this.process = process
  }

  get places(): ReadonlySet<string> {
    return new Set([...this.#workers.values()].map(({ place }) => place))
  }

  get isEmpty(): boolean {
    return this.#workers.size === 0
  }

  get leaseTimes(): LeaseTimes {
    const all = [...this.#workers.values()].filter(({ mustLeave }) => !mustLeave)
    const times = all.map(({ leaseTime }) => leaseTime)
    return { shortest: Math.min(...times), longest: Math.max(0, ...times) }
  }

  /**
   * Notes the workers of a heartbeat. They stay alive until the returned function is called, and for their lease time after
   * that: a heartbeat may take longer than a lease, and its workers must not count as dead meanwhile.
   */
  beat(beats: readonly WorkerBeat[]): () => void {
    for (const { place, worker: name, milliseconds: leaseTime } of beats) {
      const id = idOf(place, name)
      this.#workers.set(id, { place, name, leaseTime, beatAt: performance.now(), mustLeave: false })
      this.#beating.set(id, (this.#beating.get(id) ?? 0) + 1)
    }
    return () => {
      for (const { place, worker } of beats) this.#endBeat(idOf(place, worker))
    }
  }

  #endBeat(id: string): void {
    const others = (this.#beating.get(id) ?? 0) - 1
    if (others > 0) this.#beating.set(id, others)
    else this.#beating.delete(id)
    const worker = this.#workers.get(id)
    if (worker !== undefined) this.#workers.set(id, { ...worker, beatAt: performance.now() })
  }

  isAlive(place: string, name: string): boolean {
    const worker = this.#workers.get(idOf(place, name))
    return worker !== undefined && !this.#hasEnded(worker)
  }

  #hasEnded({ place, name, mustLeave, beatAt, leaseTime }: OwnWorker): boolean {
    if (mustLeave) return true
    return !this.#beating.has(idOf(place, name)) && performance.now() - beatAt >= leaseTime
  }

  /** Marks a worker as ended: `ended` returns it until `remove` has deleted its item. */
  end(place: string, name: string): void {
    const id = idOf(place, name)
    const worker = this.#workers.get(id) ?? { place, name, leaseTime: 0, beatAt: 0 }
    this.#workers.set(id, { ...worker, mustLeave: true })
  }

  /** The workers that have ended, and whose items may still be stored. */
  get ended(): readonly OwnWorker[] {
    return [...this.#workers.values()].filter((worker) => this.#hasEnded(worker))
  }

  /** Stores a worker. `joined`: a number that it never had. */
  async join(
    { place, worker, milliseconds }: WorkerBeat,
    joined: number,
    signal: AbortSignal | undefined,
  ): Promise<StoredWorker> {
    const stored: StoredWorker = { name: worker, process: this.process, leaseTime: milliseconds, joined }
    const item = {
      ...workerKey(place, worker),
      process: text(stored.process),
      lease: number(milliseconds),
      joined: number(joined),
    }
    const subject = { doing: 'Keeping leases', table: this.#table, key: workerKey(place, worker).p.S }
    await this.#connection.write(subject, 'PutItem', { Item: item }, signal)
    return stored
  }

  /** Removes the item of a worker that has ended. */
  async remove({ place, name }: Pick<OwnWorker, 'place' | 'name'>, signal?: AbortSignal): Promise<void> {
    const key = workerKey(place, name)
    const subject = { doing: 'Leaving a subscription', table: this.#table, key: key.p.S }
    await this.#connection.write(subject, 'DeleteItem', { Key: key }, signal)
    const worker = this.#workers.get(idOf(place, name))
    // The process may have sent a heartbeat for the worker meanwhile. Then the worker joins again.
    if (worker !== undefined && this.#hasEnded(worker)) this.#workers.delete(idOf(place, name))
  }
}
