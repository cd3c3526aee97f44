/** The client processes of a campaign: starts, kills, restarts, pauses and ends them. */
import { type Program, startProgram } from '../test/child-program.ts'
import type { Random } from './random.ts'
import type { ClientMessage, ClientOrder, ClientTask } from './task.ts'

interface Progress {
  readonly appended: number
  readonly followed: number
  /** How many folds began with a snapshot. */
  readonly snapshots: number
  readonly faults: number
}

const nothing: Progress = { appended: 0, followed: 0, snapshots: 0, faults: 0 }

export class Clients {
  readonly #clients: Client[]
  readonly #failed: (error: Error) => void
  /** Rejects when a client ends although it was not killed. */
  readonly failure: Promise<never>

  /** `program`: the compiled client. */
  constructor(program: URL, tasks: readonly Omit<ClientTask, 'life'>[]) {
    let failed: (error: Error) => void = () => {}
    this.failure = new Promise((_, reject) => {
      failed = reject
    })
    // A campaign awaits this promise only in some of its steps. Between them, a rejection must not count as unhandled.
    this.failure.catch(() => {})
    this.#failed = failed
    this.#clients = tasks.map((task) => new Client(program, task, this.#failed))
  }

  /** Resolves when all clients have sent their first message. */
  async ready(): Promise<void> {
    await Promise.race([Promise.all(this.#clients.map((client) => client.ready)), this.failure])
  }

  /** Kills a client that has done some work since its start, and starts it again. Returns false if there is none. */
  async kill(random: Random): Promise<boolean> {
    const working = this.#clients.filter((client) => client.isWorking)
    if (working.length === 0) return false
    await random.pick(working).restart()
    return true
  }

  /** Kills a follower, and starts it again as the first of a new generation. Returns the generation. */
  async raise(random: Random): Promise<number> {
    const generation = 1 + Math.max(...this.#clients.map((client) => client.generation))
    await random.pick(this.#clients.filter(({ follows }) => follows)).restart(generation)
    return generation
  }

  /** Stops one client for a while, as an overloaded machine would: in most cases one that holds leases. */
  async pause(random: Random, milliseconds: number): Promise<void> {
    const followers = this.#clients.filter(({ follows }) => follows)
    await random.pick(random.percent(70) ? followers : this.#clients).pause(milliseconds)
  }

  /** Sends an order to all clients, and waits until each has carried it out. */
  async order(order: ClientOrder): Promise<void> {
    const done = Promise.all(this.#clients.map((client) => client.carryOut(order)))
    await Promise.race([done, this.failure])
  }

  get progress(): Progress {
    return this.#clients
      .map((client) => client.progress)
      .reduce(
        (sum, { appended, followed, snapshots, faults }) => ({
          appended: sum.appended + appended,
          followed: sum.followed + followed,
          snapshots: sum.snapshots + snapshots,
          faults: sum.faults + faults,
        }),
        nothing,
      )
  }

  /** Describes the clients that have not carried out the last order yet. */
  get busy(): string {
    const busy = this.#clients.filter((client) => client.isBusy)
    return busy.map((client) => client.description).join(', ')
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.kill()))
  }
}

class Client {
  readonly #file: URL
  #task: Omit<ClientTask, 'life'>
  readonly #failed: (error: Error) => void
  #life = 0
  #program!: Program
  readonly #killed = new WeakSet<Program>()
  #restarted: Promise<void> = Promise.resolve()
  #before = nothing
  #present = nothing
  #done: (() => void) | undefined

  readonly ready: Promise<void>
  #isReady: () => void = () => {}

  constructor(file: URL, task: Omit<ClientTask, 'life'>, failed: (error: Error) => void) {
    this.#file = file
    this.#task = task
    this.#failed = failed
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve
    })
    this.start()
  }

  get generation(): number {
    return this.#task.generation
  }

  get follows(): boolean {
    return this.#task.follows
  }

  get progress(): Progress {
    return {
      appended: this.#before.appended + this.#present.appended,
      followed: this.#before.followed + this.#present.followed,
      snapshots: this.#before.snapshots + this.#present.snapshots,
      faults: this.#before.faults + this.#present.faults,
    }
  }

  /** Whether it has done some work since its last start. */
  get isWorking(): boolean {
    return this.#present.appended + this.#present.followed > 0
  }

  /** Whether it has an order that it has not carried out yet. */
  get isBusy(): boolean {
    return this.#done !== undefined
  }

  get description(): string {
    const silent = this.#present === nothing ? ', has sent no message' : ''
    return `${this.#task.client} (life ${this.#life}, process ${this.#program.pid}${silent})`
  }

  start(generation = this.#task.generation): void {
    this.#task = { ...this.#task, generation }
    this.#before = this.progress
    this.#present = nothing
    this.#life++
    const task: ClientTask = { ...this.#task, life: this.#life }
    this.#program = startProgram(this.#file, JSON.stringify(task))
    void this.#listen(this.#program)
  }

  async kill(): Promise<void> {
    this.#killed.add(this.#program)
    await this.#program.kill()
  }

  /** Kills the process and starts another one. Two faults may want that at once: then only one process must remain. */
  restart(generation = this.#task.generation): Promise<void> {
    this.#restarted = this.#restarted.then(async () => {
      await this.kill()
      this.start(Math.max(generation, this.#task.generation))
    })
    return this.#restarted
  }

  async pause(milliseconds: number): Promise<void> {
    const program = this.#program
    if (!program.isRunning) return
    process.kill(program.pid, 'SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    if (program.isRunning) process.kill(program.pid, 'SIGCONT')
  }

  carryOut(order: ClientOrder): Promise<void> {
    return new Promise((resolve) => {
      this.#done = resolve
      this.#program.tell(order)
    })
  }

  #end(): void {
    this.#done?.()
    this.#done = undefined
  }

  async #listen(program: Program): Promise<void> {
    for (;;) {
      let message: ClientMessage
      try {
        message = await program.said<ClientMessage>()
      } catch (error) {
        if (!this.#killed.has(program)) this.#failed(error as Error)
        return
      }
      this.#isReady()
      if (message.kind === 'progress') this.#present = message
      else this.#end()
      if (message.kind === 'ended') return
    }
  }
}
