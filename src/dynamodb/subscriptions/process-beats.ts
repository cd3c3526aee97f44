/**
 * The heartbeats of processes. A process writes one item for all its workers, at least twice in the shortest lease time.
 * Each write gives the attribute `beat` a value that it never had. A worker of another process counts as dead when the
 * `beat` of that process has not changed for the worker's lease time, by the monotonic clock of the observing process (see
 * liveness.ts).
 *
 *     beat, until, ttl    until: when its leases end by its own clock. Only for display: no process relies on it.
 */
import { randomInt, randomUUID } from 'node:crypto'
import { type Key, processKey } from '../keys.ts'
import { type Item, number, numberOf } from '../requests/attributes.ts'
import type { Connection } from '../requests/connection.ts'
import { type IdleItem, idleKey, idleUpdate, Liveness } from '../requests/liveness.ts'

// The longest time between two calls of `keep`, in milliseconds.
export const heartbeatInterval = 2_000
// DynamoDB deletes the item of a process that has ended (time to live). In seconds.
const secondsToKeep = 86_400
const group = 'processes'

/** In milliseconds. */
export interface LeaseTimes {
  readonly shortest: number
  readonly longest: number
}

export class ProcessBeats {
  /** The name of this process: each storage object counts as one. */
  readonly process: string = randomUUID()
  readonly #connection: Connection
  readonly #urgent: Connection
  readonly #table: string
  readonly #liveness = new Liveness()
  /** When this process sent its last successful heartbeat, by the monotonic clock. */
  #sentAt = Number.NEGATIVE_INFINITY

  constructor(connection: Connection, table: string) {
    this.#connection = connection
    this.#urgent = connection.withUrgency('now')
    this.#table = table
  }

  #subject(process: string) {
    return { doing: 'Keeping leases', table: this.#table, key: processKey(process).p.S }
  }

  /** The time since the last successful heartbeat, in milliseconds. */
  get age(): number {
    return performance.now() - this.#sentAt
  }

  /**
   * Marks this process as alive, unless the next heartbeat can still do so before the item is older than half of the
   * shortest lease time.
   */
  async keep(leaseTimes: LeaseTimes, signal: AbortSignal | undefined): Promise<void> {
    const { shortest, longest } = leaseTimes
    if (this.age + Math.min(heartbeatInterval, shortest / 3) > shortest / 2) await this.send(longest, signal)
  }

  /** Marks this process as alive. `milliseconds`: the longest lease time of its workers. */
  async send(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    const now = Date.now()
    const item = {
      ...processKey(this.process),
      // The number means nothing: other processes only compare it with the previous one.
      beat: number(randomInt(2 ** 47)),
      until: number(now + milliseconds),
      ttl: number(Math.floor(now / 1000) + secondsToKeep),
    }
    const sentAt = performance.now()
    await this.#urgent.write(this.#subject(this.process), 'PutItem', { Item: item }, signal)
    this.#sentAt = Math.max(this.#sentAt, sentAt)
  }

  /**
   * Returns the time since the last heartbeat of each process, in milliseconds; infinity for a process without an item.
   * `leaseTimes`: the shortest lease time of each process. If a process seems to be dead, the call reads its item again,
   * consistently.
   */
  async idleTimes(
    leaseTimes: ReadonlyMap<string, number>,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, number>> {
    const idle = new Map<string, number>()
    if (leaseTimes.size === 0) {
      this.#liveness.forget(group)
      return idle
    }
    const items = await this.#read([...leaseTimes.keys()], false, signal)
    const seemsDead = [...leaseTimes.keys()].filter((process) => {
      const item = items.get(process)
      if (item === undefined) return true
      return this.#liveness.idleTimeOf(group, item) >= (leaseTimes.get(process) as number)
    })
    const again = await this.#read(seemsDead, true, signal)
    const observed = this.#liveness.observe(group, [...new Map([...items, ...again]).values()])
    for (const process of leaseTimes.keys()) {
      idle.set(process, observed.get(idleKey(processKey(process)))?.idle ?? Number.POSITIVE_INFINITY)
    }
    return idle
  }

  async #read(
    processes: readonly string[],
    consistent: boolean,
    signal: AbortSignal | undefined,
  ): Promise<Map<string, Item>> {
    if (processes.length === 0) return new Map()
    const keys = processes.map(processKey)
    const subject = this.#subject(processes.join(', '))
    const items = await this.#connection.batchGet(subject, keys, { consistent }, signal)
    return new Map(items.map((item) => [(item as Key).p.S.slice(2), item]))
  }

  /** Returns the processes that are alive by their own clocks: only for display. */
  async alive(processes: readonly string[], signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
    const now = Date.now()
    const items = await this.#read(processes, false, signal)
    const alive = [...items].filter(([, item]) => (numberOf(item, 'until') ?? 0) > now)
    return new Set(alive.map(([process]) => process))
  }

  /** Stores how long other processes have been idle: a process that starts later adds its own measurement. */
  async storeIdleTimes(): Promise<void> {
    for (const item of this.#liveness.idleNow(group)) await this.storeIdleTime(item)
  }

  async storeIdleTime(item: IdleItem): Promise<void> {
    if (item.idle < 1) return
    const subject = { doing: 'Leaving a subscription', table: this.#table, key: item.key.p.S }
    await this.#connection.write(subject, 'UpdateItem', idleUpdate(item))
  }
}
