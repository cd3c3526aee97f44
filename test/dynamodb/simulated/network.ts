/**
 * The network between the processes and the simulated database, with all its faults: requests and answers that are late,
 * lost or doubled, throttling, processes that freeze, and processes that die at a request.
 */
import type { Random } from '../../../torture/random.ts'
import { lost, serviceError } from '../../worlds/faulty-client.ts'
import { type DatabaseRequest, oldestRead, SimulatedDatabase } from './database.ts'
import { UnknownRequest } from './expressions.ts'
import type { Owner, VirtualTime } from './virtual-time.ts'

/** How often faults occur, in percent of all requests, and how long they take at most, in milliseconds. */
export interface Faults {
  /** How long a request takes in each direction. */
  readonly latency: number
  /** Requests that take much longer. */
  readonly slow: { readonly percent: number; readonly longest: number }
  /** Requests at which their process dies. */
  readonly deaths: number
  /** Requests before which their process freezes. */
  readonly stalls: { readonly percent: number; readonly longest: number }
  /** Requests that are lost, or whose answer is lost, or that come after the connection was given up. */
  readonly lost: number
  /** Requests that are executed twice. */
  readonly doubled: number
  readonly throttled: number
  /** How old an item is at most that a read shows which need not be consistent. */
  readonly staleness: number
  /** How long it takes at most until readers see all items of a transaction. */
  readonly visibility: number
  /** Pages of queries, and batches, that end before an item. */
  readonly shortPages: number
  /** Transactions before which the database forgets the tokens of former ones. */
  readonly forgottenTokens: number
}

/** What the simulation counts. */
export interface Counts {
  requests: number
  deaths: number
  stalls: number
  lost: number
  doubled: number
  throttled: number
}

/** A command of the SDK. */
interface Command {
  readonly input: object
  readonly constructor: { readonly name: string }
}

// After so many milliseconds, a client gives a lost request up, and one that comes later is executed.
const longestTimeout = 60
const longestDelay = 250

export class Network {
  readonly database: SimulatedDatabase
  readonly counts: Counts = { requests: 0, deaths: 0, stalls: 0, lost: 0, doubled: 0, throttled: 0 }
  /** From then on, there are no faults. */
  isCalm = false
  /** What makes the whole schedule worthless, for example a request that the database does not know. */
  failure: unknown
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #faults: Faults
  readonly #onExecuted: (request: DatabaseRequest) => void

  /** `onExecuted`: called with each request before it is executed. */
  constructor(
    time: VirtualTime,
    random: Random,
    faults: Faults,
    onExecuted: (request: DatabaseRequest) => void = () => {},
  ) {
    this.#time = time
    this.#random = random
    this.#faults = faults
    this.#onExecuted = onExecuted
    const chances = {
      age: () => (random.percent(30) ? 0 : random.next() * Math.min(oldestRead, faults.staleness)),
      delay: () => (this.isCalm || random.percent(50) ? 0 : random.next() * faults.visibility),
      endsEarly: () => this.#happens(faults.shortPages),
    }
    this.database = new SimulatedDatabase(chances, () => time.now)
  }

  #happens(percent: number): boolean {
    return !this.isCalm && this.#random.percent(percent)
  }

  /** The client of a process, as a store uses it. */
  clientOf(owner: Owner): { send(command: unknown, options?: unknown): Promise<unknown>; destroy(): void } {
    return {
      send: (command, options) => {
        const { abortSignal } = (options ?? {}) as { abortSignal?: AbortSignal }
        return this.#send(owner, command as Command, abortSignal)
      },
      destroy() {},
    }
  }

  #send(owner: Owner, sent: Command, signal: AbortSignal | undefined): Promise<unknown> {
    const request = { command: sent.constructor.name.replace(/Command$/, ''), input: sent.input }
    return new Promise((resolve, reject) => {
      if (owner.isDead) return
      this.counts.requests++
      if (this.#happens(this.#faults.deaths)) {
        // The request may be the last that the process has sent.
        if (this.#random.percent(50)) this.#deliver(request, () => {})
        owner.isDead = true
        this.counts.deaths++
        return
      }
      if (this.#happens(this.#faults.stalls.percent)) {
        owner.frozenUntil = this.#time.now + this.#random.next() * this.#faults.stalls.longest
        this.counts.stalls++
      }
      const aborted = () => reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }))
      if (signal?.aborted) return aborted()
      signal?.addEventListener('abort', aborted, { once: true })
      const answer = (milliseconds: number, settle: () => void) =>
        this.#time.after(milliseconds, settle, owner)
      // A frozen process sends it when it continues.
      this.#time.after(0, () => this.#transmit(request, { answer, resolve, reject }), owner)
    })
  }

  #transmit(
    request: DatabaseRequest,
    {
      answer,
      resolve,
      reject,
    }: {
      readonly answer: (milliseconds: number, settle: () => void) => void
      readonly resolve: (output: unknown) => void
      readonly reject: (error: unknown) => void
    },
  ): void {
    const settle = ({ output, error }: Outcome) => {
      answer(this.#trip(), () => (error === undefined ? resolve(output) : reject(error)))
    }
    if (this.#happens(this.#faults.throttled)) {
      this.counts.throttled++
      settle({ error: serviceError('ProvisionedThroughputExceededException') })
    } else if (this.#happens(this.#faults.lost)) {
      this.counts.lost++
      const kind = this.#random.pick(['request', 'answer', 'late'])
      const timeout = 10 + this.#random.next() * longestTimeout
      answer(timeout, () => reject(lost()))
      if (kind !== 'request') {
        const late = kind === 'late' ? timeout + this.#random.next() * longestDelay : 0
        this.#deliver(request, () => {}, late)
      }
    } else if (this.#happens(this.#faults.doubled)) {
      this.counts.doubled++
      const isFirstLost = this.#random.percent(50)
      this.#deliver(request, isFirstLost ? () => {} : settle)
      this.#deliver(request, isFirstLost ? settle : () => {}, this.#random.next() * longestTimeout)
    } else this.#deliver(request, settle)
  }

  #trip(): number {
    const { latency, slow } = this.#faults
    if (this.isCalm) return 1
    const milliseconds = 1 + this.#random.next() * latency
    return this.#random.percent(slow.percent)
      ? milliseconds + this.#random.next() * slow.longest
      : milliseconds
  }

  /** Executes a request after its way to the database. It is under way even if its process dies. */
  #deliver(request: DatabaseRequest, settle: (outcome: Outcome) => void, delay = 0): void {
    const arrive = () => {
      const isTransaction = request.command === 'TransactWriteItems'
      if (isTransaction && this.#happens(this.#faults.forgottenTokens)) this.database.forgetTokens()
      this.#onExecuted(request)
      try {
        const { output, readyAt } = this.database.execute(request)
        this.#time.after(readyAt - this.#time.now, () => settle({ output }), nobody)
      } catch (error) {
        if (error instanceof UnknownRequest || !(error instanceof Error && '$fault' in error))
          this.failure = error
        settle({ error })
      }
    }
    this.#time.after(this.#trip() + delay, arrive, nobody)
  }
}

interface Outcome {
  readonly output?: unknown
  readonly error?: unknown
}

/** The owner of what belongs to no process. */
const nobody: Owner = { name: 'the network', isDead: false, frozenUntil: 0, clockError: 0 }
