/** Plays a story of the model: processes with several subscriptions, their faults, and what operators change. */
import { strict as assert } from 'node:assert'
import type { Scheduler } from 'fast-check'
import { hasCode } from '../../src/errors/index.ts'
import type { RecordedEvent } from '../../src/event.ts'
import { Operations } from '../../src/runtime/operations.ts'
import { subscriptionAdministration } from '../../src/subscription/administer.ts'
import { type StartedSubscription, startSubscription } from '../../src/subscription/start.ts'
import type { HandlerContext, SubscribeOptions } from '../../src/subscription/subscription.ts'
import type { Ledger, Program } from './ledger.ts'
import { Model, type ModelOptions } from './model.ts'
import { Process } from './model-process.ts'

type Kind =
  | 'append'
  | 'start'
  | 'start late'
  | 'stop'
  | 'retry'
  | 'hold'
  | 'release'
  // Processes.
  | 'kill'
  | 'pause process'
  | 'pause in beat'
  | 'resume processes'
  // Servers.
  | 'change server'
  | 'lose end'
  // Operators.
  | 'pause'
  | 'resume'
  | 'repartition'
  | 'move'
  | 'move again'
  | 'remove'
  | 'raise'
  | 'take over'

export interface Action {
  readonly what: Kind
  /** How many steps to run before the action. */
  readonly after: number
  /** The number of the worker, the subscription or the stream. */
  readonly which: number
  /** The type of an event, the new number of partitions, or a place in the log. */
  readonly number: number
}

export interface Story extends ModelOptions {
  readonly events: readonly { readonly which: number; readonly number: number }[]
  readonly actions: readonly Action[]
}

interface Worker {
  readonly process: Process
  readonly ledger: Ledger
  readonly program: Program
  readonly started: StartedSubscription
  isStopped: boolean
  /** Its state after its end. */
  endState: string | undefined
}

export const types = ['A', 'B', 'C'] as const
export const retries = 2
const mostProcesses = 3
const mostSteps = 20_000
const expectedOfOperators = [
  'store-unavailable',
  'invalid-input',
  'unknown-subscription',
  'log-truncated',
] as const

class StoryRun {
  readonly model: Model
  readonly #scheduler: Scheduler
  readonly #story: Story
  readonly #processes: Process[] = []
  readonly #workers: Worker[] = []
  readonly #operator: Process
  /** How many calls of operators run. */
  #calls = 0
  #failure: { readonly error: unknown } | undefined

  constructor(scheduler: Scheduler, story: Story) {
    this.#scheduler = scheduler
    this.#story = story
    this.model = new Model(scheduler, story)
    this.#operator = new Process(this.model, 'operator')
  }

  async #step(): Promise<void> {
    if (this.#scheduler.count() > 0) await this.#scheduler.waitOne()
    // Lets all continuations of the step run.
    await new Promise<void>((resolve) => process.nextTick(resolve))
    if (this.model.violation !== undefined) throw this.model.violation
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #until(what: string, isReached: () => boolean | Promise<boolean>): Promise<void> {
    for (let steps = 0; !(await isReached()); steps++) {
      assert.ok(steps < mostSteps, `the story does not end: ${what}`)
      await this.#step()
    }
  }

  #append(which: number, type: number): void {
    this.model.append(`stream-${which}`, types[type % types.length] as string)
    for (const process of this.#processes) process.wakeup.wake()
  }

  get #alive(): Process[] {
    return this.#processes.filter(({ isDead }) => !isDead)
  }

  /** A new process, or one that runs already. */
  #anyProcess(which: number): Process {
    const alive = this.#alive
    if (alive.length >= mostProcesses) return alive[which % alive.length] as Process
    return this.#newProcess()
  }

  #newProcess(): Process {
    const process = new Process(this.model, `process ${this.#processes.length + 1}`)
    this.#processes.push(process)
    return process
  }

  #start(process: Process, ledger: Ledger, program: Program): void {
    const isRunning = this.#workers.some(
      (worker) => worker.process === process && worker.program === program && worker.endState === undefined,
    )
    if (isRunning) return
    const options = optionsOf(this.model, process, ledger, program)
    const started = startSubscription(process.environment, options, () => {})
    const worker: Worker = { process, ledger, program, started, isStopped: false, endState: undefined }
    const note = () => {
      worker.endState = started.report().state
    }
    started.subscription.done.then(note, (error: unknown) => {
      note()
      this.#failure ??= { error }
    })
    this.#workers.push(worker)
  }

  #startAll(process: Process): void {
    for (const ledger of this.model.ledgers) this.#start(process, ledger, ledger.program)
  }

  #operate(work: (subscriptions: ReturnType<typeof subscriptionAdministration>) => Promise<unknown>): void {
    this.#calls++
    const subscriptions = subscriptionAdministration(this.#operator.environment, new Operations())
    work(subscriptions)
      .catch((error: unknown) => {
        if (!expectedOfOperators.some((code) => hasCode(error, code))) this.#failure ??= { error }
      })
      .finally(() => this.#calls--)
  }

  async #perform({ what, which, number }: Action): Promise<void> {
    const { model } = this
    const ledger = model.ledgers[which % model.ledgers.length] as Ledger
    const { name } = ledger.program
    const alive = this.#alive
    const process = alive[which % alive.length]
    const at = model.log[number % Math.max(1, model.log.length)]?.position ?? 0
    if (what === 'append') this.#append(which, number)
    else if (what === 'start') this.#startAll(this.#anyProcess(which))
    else if (what === 'start late') {
      const programs = ledger.programs
      this.#start(this.#anyProcess(which), ledger, programs[number % programs.length] as Program)
    } else if (what === 'stop') {
      const running = this.#workers.filter((worker) => !worker.process.isDead && !worker.isStopped)
      const worker = running[number % Math.max(1, running.length)]
      if (worker === undefined) return
      worker.isStopped = true
      void worker.started.subscription.stop({ timeout: 1_000_000 })
    } else if (what === 'retry') {
      const parked = [...(await ledger.parkedPositions())]
      for (const each of new Set(ledger.programs.map((program) => program.name)))
        await model.subscriptions.retryParked(each, [parked[number % parked.length] ?? 0])
    } else if (what === 'hold') process?.holdHandlers(ledger.plan.base)
    else if (what === 'release') for (const one of alive) one.releaseHandlers()
    else if (what === 'kill') process?.kill()
    else if (what === 'pause process') process?.pause()
    else if (what === 'pause in beat') {
      if (process !== undefined) process.pausesInBeat = true
    } else if (what === 'resume processes') for (const one of alive) one.resume()
    else if (what === 'change server') model.changeServer(false)
    // An operator may be about to move a subscription to a position that would be lost.
    else if (what === 'lose end') model.changeServer(this.#calls === 0)
    else if (what === 'pause') this.#operate((subscriptions) => subscriptions.pause(name))
    else if (what === 'resume') this.#operate((subscriptions) => subscriptions.resume(name))
    else if (what === 'repartition')
      this.#operate((subscriptions) => subscriptions.repartition(name, 1 + (number % 4)))
    else if (what === 'move') this.#operate((subscriptions) => subscriptions.move(name, { after: at }))
    else if (what === 'move again')
      this.#operate((subscriptions) => subscriptions.move(name, { after: at }, { again: true }))
    else if (what === 'remove') this.#operate((subscriptions) => subscriptions.remove(name))
    else await this.#replace(ledger, what, number)
  }

  /** Starts a higher version, or a successor, in a process. */
  async #replace(ledger: Ledger, what: 'raise' | 'take over', number: number): Promise<void> {
    // A change of an operator that still runs could remove the predecessor, and an old worker would create it again.
    if (this.#calls > 0) return
    const { name, version } = ledger.program
    const { place } = (await this.model.subscriptions.readSubscription(name)) ?? {}
    if (place === undefined) return
    const partitions = 1 + (number % 4)
    const successor = `${ledger.plan.base}.${ledger.programs.length}`
    ledger.programs.push(
      what === 'raise'
        ? { name, version: version + 1, partitions }
        : { name: successor, version: 1, partitions, after: name },
    )
    this.#start(this.#anyProcess(number), ledger, ledger.program)
  }

  async play(): Promise<Model> {
    const { model } = this
    for (const { which, number } of this.#story.events) this.#append(which, number)
    this.#startAll(this.#newProcess())
    for (const action of this.#story.actions) {
      for (let left = action.after; left > 0; left--) await this.#step()
      await this.#perform(action)
    }
    await this.#end()
    for (const ledger of model.ledgers) {
      const { base } = ledger.plan
      assert.deepEqual(ledger.missing, [], `${base}: every event is handled`)
      const unwanted = ledger.order.filter(({ type }) => ledger.plan.types?.includes(type) === false)
      assert.deepEqual(unwanted, [], `${base}: no event is handled that the filter does not select`)
      ledger.checkOrder()
    }
    return model
  }

  /** After all faults, the subscriptions must still handle new events, and end. */
  async #end(): Promise<void> {
    const { model } = this
    model.isCalm = true
    for (const process of this.#alive) {
      process.pausesInBeat = false
      process.resume()
    }
    await this.#until('calls of operators', () => this.#calls === 0)
    this.#startAll(this.#newProcess())
    for (const which of [0, 1, 2]) this.#append(which, 0)
    const isHeld = ({ plan }: Ledger) => this.#alive.some((process) => process.isHeld(plan.base))
    // A handler that takes long delays no other subscription.
    const paused = await this.#pausedLedgers()
    const free = model.ledgers.filter((ledger) => !isHeld(ledger) && !paused.includes(ledger))
    await this.#until('others while handlers wait', () => this.#haveReached(free, model.end))
    for (const process of this.#alive) process.releaseHandlers()
    await this.#until('pausing', () => this.#arePaused(paused))
    for (const { program } of paused) await model.subscriptions.pauseSubscription(program.name, false)
    await this.#until('the end of the log', () => this.#haveReached(model.ledgers, model.end))
    for (const ledger of model.ledgers) {
      ledger.heal()
      await model.subscriptions.retryParked(ledger.program.name, [...(await ledger.parkedPositions())])
    }
    await this.#until('parked events', () => this.#haveNoParked())
    await this.#until('workers that are over', () => this.#areOver())
    await this.#stopAll()
  }

  async #pausedLedgers(): Promise<readonly Ledger[]> {
    const paused: Ledger[] = []
    for (const ledger of this.model.ledgers) {
      // A successor that is not registered yet will be paused, too.
      const isPaused = async ({ name }: Program) => {
        const registered = await this.model.subscriptions.readSubscription(name)
        return registered?.place !== undefined && registered.isPaused
      }
      if ((await Promise.all(ledger.programs.map(isPaused))).includes(true)) paused.push(ledger)
    }
    return paused
  }

  async #arePaused(paused: readonly Ledger[]): Promise<boolean> {
    for (const { program } of paused) {
      const checkpoints = await this.model.subscriptions.checkpoints(program.name)
      if (checkpoints.length === 0 || checkpoints.some(({ owner }) => owner !== undefined)) return false
      const own = this.#workers.filter((worker) => this.#mayRun(worker) && worker.program === program)
      if (own.some(({ started }) => started.report().state !== 'paused')) return false
    }
    return true
  }

  #mayRun({ process, isStopped, endState }: Worker): boolean {
    return !process.isDead && !isStopped && endState === undefined
  }

  async #haveReached(ledgers: readonly Ledger[], end: number): Promise<boolean> {
    for (const { program } of ledgers) {
      const checkpoints = await this.model.subscriptions.checkpoints(program.name)
      if (checkpoints.length === 0 || checkpoints.some(({ position }) => position < end)) return false
    }
    return true
  }

  async #haveNoParked(): Promise<boolean> {
    for (const ledger of this.model.ledgers) if ((await ledger.parkedPositions()).size > 0) return false
    return true
  }

  /** Whether each worker has ended whose subscription another version, another name or another place continues. */
  async #areOver(): Promise<boolean> {
    for (const worker of this.#workers) {
      const { process, program, started, isStopped, endState } = worker
      if (process.isDead || isStopped) continue
      const registered = await this.model.subscriptions.readSubscription(program.name)
      const place = this.model.placeOfWorker.get(started.subscription.worker)
      const isOver =
        registered?.place === undefined ||
        (registered.definition?.version ?? 0) > program.version ||
        (place !== undefined && place !== registered.place)
      if (isOver && endState === undefined) return false
      if (endState === undefined) continue
      assert.ok(['superseded', 'removed'].includes(endState), `a worker of ${program.name} is ${endState}`)
    }
    return true
  }

  async #stopAll(): Promise<void> {
    const alive = this.#workers.filter(({ process }) => !process.isDead)
    let isStopped = false
    const stops = alive.map(({ started }) => started.subscription.stop({ timeout: 1_000_000 }))
    void Promise.all(stops).then(() => {
      isStopped = true
    })
    await this.#until('stopping', () => isStopped)
  }
}

export const play = (scheduler: Scheduler, story: Story): Promise<Model> =>
  new StoryRun(scheduler, story).play()

function optionsOf(model: Model, process: Process, ledger: Ledger, program: Program): SubscribeOptions {
  const { base, types, transactional, action, batchSize, takesBatches, leaseTime } = ledger.plan
  async function handle(events: readonly RecordedEvent[], context: HandlerContext): Promise<void> {
    await ledger.checkTurn(events[0] as RecordedEvent)
    for (const event of events) {
      await process.handle(base, event.position)
      if (ledger.fails(event)) {
        // The earlier events of the batch are handled again.
        if (events.length > 1) model.disruptions++
        throw new Error('the handler fails')
      }
      if (transactional) await (context.tx as unknown as ModelWriter).write(event)
      else ledger.noteHandled(event)
    }
  }
  const { name, version, partitions, after } = program
  const options = {
    ...{ name, version, partitions, transactional, batchSize, leaseTime, pollInterval: 20 },
    ...(types && { types }),
    ...(after !== undefined && { from: { after, otherwise: 'beginning' as const } }),
    onError: { retries, backoff: 1, action },
  }
  return takesBatches
    ? { ...options, handleBatch: handle }
    : { ...options, handle: (event, context) => handle([event], context) }
}

interface ModelWriter {
  write(event: RecordedEvent): Promise<void>
}
