/** The client processes of a campaign: started, killed and started again, paused, and ended. */
import { type Program, startProgram } from '../test/child-program.ts'
import type { Random } from './random.ts'
import type { ClientOrder, ClientTask, ClientWord } from './task.ts'

interface Progress {
  readonly appended: number
  readonly followed: number
  readonly faults: number
}

const nothing: Progress = { appended: 0, followed: 0, faults: 0 }

export class Clients {
  readonly #clients: Client[]
  readonly #failed: (error: Error) => void
  /** Rejects when a client ends that was not killed. */
  readonly failure: Promise<never>

  /** `program`: the compiled client. */
  constructor(program: URL, tasks: readonly Omit<ClientTask, 'life'>[]) {
    let failed: (error: Error) => void = () => {}
    this.failure = new Promise((_, reject) => {
      failed = reject
    })
    // It is waited for now and then: until somebody does, it is not unhandled.
    this.failure.catch(() => {})
    this.#failed = failed
    this.#clients = tasks.map((task) => new Client(program, task, this.#failed))
  }

  /** Resolves when all of them are there. */
  async ready(): Promise<void> {
    await Promise.race([Promise.all(this.#clients.map((client) => client.ready)), this.failure])
  }

  /** Kills one of those that have got to work at once, and starts another in its place; false if none has. */
  async kill(random: Random): Promise<boolean> {
    const working = this.#clients.filter((client) => client.isWorking)
    if (working.length === 0) return false
    const client = random.pick(working)
    await client.kill()
    client.start()
    return true
  }

  /** Stops one of them for a while, as a machine does that is out of breath: mostly of those that hold leases. */
  async pause(random: Random, milliseconds: number): Promise<void> {
    const followers = this.#clients.filter(({ follows }) => follows)
    await random.pick(random.percent(70) ? followers : this.#clients).pause(milliseconds)
  }

  /** Tells all of them, and waits until each has said that it is done. */
  async order(order: ClientOrder): Promise<void> {
    const done = Promise.all(this.#clients.map((client) => client.obey(order)))
    await Promise.race([done, this.failure])
  }

  get progress(): Progress {
    return this.#clients
      .map((client) => client.progress)
      .reduce(
        (sum, { appended, followed, faults }) => ({
          appended: sum.appended + appended,
          followed: sum.followed + followed,
          faults: sum.faults + faults,
        }),
        nothing,
      )
  }

  /** Those that have not said yet that they have done what they were told. */
  get busy(): string {
    const busy = this.#clients.filter((client) => client.isBusy)
    return busy.map((client) => client.inWords).join(', ')
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.kill()))
  }
}

class Client {
  readonly #file: URL
  readonly #task: Omit<ClientTask, 'life'>
  readonly #failed: (error: Error) => void
  #life = 0
  #program!: Program
  readonly #killed = new WeakSet<Program>()
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

  get follows(): boolean {
    return this.#task.follows
  }

  get progress(): Progress {
    return {
      appended: this.#before.appended + this.#present.appended,
      followed: this.#before.followed + this.#present.followed,
      faults: this.#before.faults + this.#present.faults,
    }
  }

  /** Whether it has done something since it was last started. */
  get isWorking(): boolean {
    return this.#present.appended + this.#present.followed > 0
  }

  /** Whether it has yet to do what it was told. */
  get isBusy(): boolean {
    return this.#done !== undefined
  }

  get inWords(): string {
    const heard = this.#present === nothing ? ', of which nothing was heard' : ''
    return `${this.#task.client} (life ${this.#life}, process ${this.#program.pid}${heard})`
  }

  start(): void {
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

  async pause(milliseconds: number): Promise<void> {
    const program = this.#program
    if (!program.isRunning) return
    process.kill(program.pid, 'SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    if (program.isRunning) process.kill(program.pid, 'SIGCONT')
  }

  obey(order: ClientOrder): Promise<void> {
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
      let word: ClientWord
      try {
        word = await program.said<ClientWord>()
      } catch (error) {
        if (!this.#killed.has(program)) this.#failed(error as Error)
        return
      }
      this.#isReady()
      if (word.kind === 'progress') this.#present = word
      else this.#end()
      if (word.kind === 'ended') return
    }
  }
}
