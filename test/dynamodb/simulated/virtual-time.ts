/**
 * Virtual time: timers and requests are events in a queue. One event runs at a time, and everything that it causes without
 * waiting ends before the next event. So a schedule takes milliseconds, and is the same each time.
 */

/** A process of the simulation: a store with its own client and clock. */
export interface Owner {
  readonly name: string
  /** Nothing that a dead process waits for happens any more. */
  isDead: boolean
  /** A frozen process does nothing until this time. What it waits for happens then. */
  frozenUntil: number
  /** How far its clock is from the virtual time, in milliseconds. */
  readonly clockError: number
}

interface Timed {
  at: number
  /** Events with the same time run in this order. */
  readonly order: number
  readonly owner: Owner | undefined
  readonly run: () => void
  isCancelled: boolean
}

/** What `setTimeout` returns in virtual time. */
interface VirtualTimer {
  readonly event: Timed
  ref(): VirtualTimer
  unref(): VirtualTimer
  hasRef(): boolean
}

// When the simulations begin by the clock of the machine: clocks never show this moment.
const clockAtStart = Date.UTC(2030, 0, 1)

const settleAll = setImmediate
/** Resolves once everything has run that does not wait for a timer. */
const settled = () => new Promise<void>((resolve) => settleAll(resolve))

export class VirtualTime {
  /** In milliseconds since the schedule began. */
  now = 0
  /** The process whose code runs. */
  owner: Owner | undefined
  /** The number of events that have run. */
  events = 0
  readonly #queue: Timed[] = []
  #order = 0

  /** Calls `run` after a time, in the name of the owner: never if it is dead by then, later if it is frozen. */
  after(milliseconds: number, run: () => void, owner: Owner | undefined = this.owner): Timed {
    const event = {
      at: this.now + Math.max(0, milliseconds),
      order: this.#order++,
      owner,
      run,
      isCancelled: false,
    }
    this.#push(event)
    return event
  }

  /** Resolves after a time. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.after(milliseconds, resolve))
  }

  /** Runs events until the condition holds, or until none is left. Returns whether the condition holds. */
  async runUntil(isOver: () => boolean, end: number): Promise<boolean> {
    await settled()
    for (let next = this.#queue[0]; !isOver(); next = this.#queue[0]) {
      if (next === undefined || next.at > end) return false
      this.#pop()
      const { owner } = next
      if (next.isCancelled || owner?.isDead) continue
      this.now = Math.max(this.now, next.at)
      if (owner !== undefined && owner.frozenUntil > this.now) {
        next.at = owner.frozenUntil
        this.#push(next)
        continue
      }
      this.events++
      this.owner = owner
      next.run()
      await settled()
      this.owner = undefined
    }
    return true
  }

  /**
   * Replaces the timers, the clocks and the random numbers of this program. Returns the function that restores them.
   * `random`: returns a number from 0 (inclusive) to 1 (exclusive).
   */
  install(random: () => number): () => void {
    const { setTimeout, clearTimeout } = globalThis
    const { now } = Date
    const { random: realRandom } = Math
    const { timeout } = AbortSignal
    const time = this
    function startTimer(
      run: (...values: unknown[]) => void,
      milliseconds = 0,
      ...values: unknown[]
    ): VirtualTimer {
      const event = time.after(milliseconds, () => run(...values))
      const timer = { event, ref: () => timer, unref: () => timer, hasRef: () => true }
      return timer
    }
    const stopTimer = (timer: VirtualTimer | undefined) => {
      if (timer !== undefined) timer.event.isCancelled = true
    }
    globalThis.setTimeout = startTimer as unknown as typeof setTimeout
    globalThis.clearTimeout = stopTimer as unknown as typeof clearTimeout
    performance.now = () => this.now
    Date.now = () => Math.floor(clockAtStart + this.now + (this.owner?.clockError ?? 0))
    Math.random = random
    AbortSignal.timeout = (milliseconds) => {
      const controller = new AbortController()
      const reason = new DOMException('The operation was aborted due to timeout', 'TimeoutError')
      this.after(milliseconds, () => controller.abort(reason))
      return controller.signal
    }
    return () => {
      Object.assign(globalThis, { setTimeout, clearTimeout })
      // The clock itself is a method of the prototype.
      Reflect.deleteProperty(performance, 'now')
      Date.now = now
      Math.random = realRandom
      AbortSignal.timeout = timeout
    }
  }

  #push(event: Timed): void {
    const queue = this.#queue
    let at = queue.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(queue[parent] as Timed, event)) break
      queue[at] = queue[parent] as Timed
      at = parent
    }
    queue[at] = event
  }

  #pop(): void {
    const queue = this.#queue
    const last = queue.pop() as Timed
    if (queue.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= queue.length) break
      const right = child + 1
      if (right < queue.length && isBefore(queue[right] as Timed, queue[child] as Timed)) child = right
      if (isBefore(last, queue[child] as Timed)) break
      queue[at] = queue[child] as Timed
      at = child
    }
    queue[at] = last
  }
}

const isBefore = (a: Timed, b: Timed): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
