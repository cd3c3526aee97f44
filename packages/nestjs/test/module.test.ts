/** What the module promises: providers, lifecycle, errors of the set-up, and the health of the subscriptions. */
import 'reflect-metadata'
import {
  type CommandResult,
  decider,
  type Event,
  type EventStore,
  type HandlerContext,
  memoryStore,
  projection,
  type RecordedEvent,
  type View,
} from '@eventsourced/core'
import {
  type CommandHandlerOf,
  commandHandlerProvider,
  EventsourcedHealthIndicator,
  EventsourcedModule,
  getStoreToken,
  InjectCommandHandler,
  InjectStore,
  InjectView,
  Projects,
  Subscribes,
  type ViewOf,
} from '@eventsourced/nestjs'
import { type DynamicModule, Inject, Injectable, type ModuleMetadata, Scope } from '@nestjs/common'
import { Test, type TestingModule } from '@nestjs/testing'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

type Counted = Event<'Counted', { by: number }>

const counter = decider({
  initialState: () => 0,
  decide: (command: { by: number }): Counted => ({ type: 'Counted', data: { by: command.by } }),
  evolve: (count, { data }) => count + data.by,
})
const sums = projection({
  name: 'sums',
  key: ({ streamId }: RecordedEvent<Counted>) => streamId,
  initialState: () => ({ sum: 0 }),
  evolve: ({ sum }, { data }) => ({ sum: sum + data.by }),
})

let app: TestingModule | undefined
let errors: string[] = []

beforeEach(() => {
  errors = []
})
afterEach(async () => {
  await app?.close()
  app = undefined
})

async function start(metadata: ModuleMetadata): Promise<TestingModule> {
  const note = (message: unknown) => void errors.push(String(message))
  app = await Test.createTestingModule(metadata)
    .setLogger({ log() {}, warn: note, error: note })
    .compile()
  await app.init()
  return app
}

const refusal = (metadata: ModuleMetadata) =>
  start(metadata).then(
    () => 'started',
    (error: Error) => error.message,
  )

const root = (store: EventStore = memoryStore()): DynamicModule => EventsourcedModule.forRoot({ store })

it('injects the store, command handlers and views', async () => {
  @Injectable()
  class Counters {
    constructor(
      @InjectStore() readonly store: EventStore,
      @InjectCommandHandler(counter) readonly handle: CommandHandlerOf<typeof counter>,
      @InjectView(sums) readonly view: ViewOf<typeof sums>,
    ) {}
  }
  const store = memoryStore()
  const started = await start({
    imports: [root(store), EventsourcedModule.forFeature({ projections: [sums] })],
    providers: [Counters, commandHandlerProvider(counter, { streamId: (id) => `counter-${id}` })],
  })
  const counters = started.get(Counters)
  expect(counters.store).toBe(store)
  const result: CommandResult<number, Counted> = await counters.handle('a', { by: 2 })
  expect(result).toMatchObject({ state: 2, version: 1 })
  const view: View<{ sum: number }> = counters.view
  expect(await view.get('counter-a', { atLeast: result.position })).toMatchObject({ state: { sum: 2 } })
})

it('keeps several stores apart by their names', async () => {
  @Injectable()
  class Two {
    constructor(
      @InjectStore('orders') readonly orders: EventStore,
      @InjectStore('audit') readonly audit: EventStore,
      @InjectCommandHandler(counter, 'audit') readonly handle: CommandHandlerOf<typeof counter>,
      @InjectView(sums, 'audit') readonly view: ViewOf<typeof sums>,
    ) {}
  }
  const [orders, audit] = [memoryStore(), memoryStore()]
  const started = await start({
    imports: [
      EventsourcedModule.forRoot({ name: 'orders', store: orders }),
      EventsourcedModule.forRoot({ name: 'audit', store: audit }),
      EventsourcedModule.forFeature({ store: 'audit', projections: [sums] }),
    ],
    providers: [Two, commandHandlerProvider(counter, { store: 'audit' })],
  })
  const two = started.get(Two)
  expect([two.orders, two.audit]).toEqual([orders, audit])
  const { position } = await two.handle('a', { by: 1 })
  expect((await orders.readStream('a')).exists).toBe(false)
  expect(await two.view.get('a', { atLeast: position })).toMatchObject({ state: { sum: 1 } })
  expect(
    Object.keys((await started.get(EventsourcedHealthIndicator).isHealthy()).eventsourced.subscriptions),
  ).toEqual(['audit/sums'])
})

it('opens the store with the help of other providers, and keeps it to the modules that import it', async () => {
  const store = memoryStore()
  const stores = EventsourcedModule.forRootAsync({
    global: false,
    imports: [
      { module: class Config {}, providers: [{ provide: 'url', useValue: 'memory' }], exports: ['url'] },
    ],
    inject: ['url'],
    useFactory: async (url: string) => ({ open: async () => (url === 'memory' ? store : memoryStore()) }),
  })
  const started = await start({
    imports: [stores, EventsourcedModule.forFeature({ projections: [sums], imports: [stores] })],
    providers: [commandHandlerProvider(counter)],
  })
  expect(started.get(getStoreToken())).toBe(store)
  class Outside {}
  const message = await refusal({
    imports: [stores, { module: Outside, providers: [commandHandlerProvider(counter)] }],
  })
  expect(message).toContain('EventsourcedStore(default)')
})

it('runs decorated classes with their dependencies: one by one, in batches, and as projections', async () => {
  const seen: string[] = []
  @Injectable()
  class Notes {
    add(note: string): void {
      seen.push(note)
    }
  }
  @Subscribes({ name: 'singles', types: ['Counted'] })
  class Singles {
    constructor(@Inject(Notes) readonly notes: Notes) {}
    handle({ version }: RecordedEvent<Counted>, { attempt }: HandlerContext): void {
      this.notes.add(`single ${version}, attempt ${attempt}`)
    }
  }
  @Subscribes({ name: 'batches' })
  class Batches {
    constructor(@Inject(Notes) readonly notes: Notes) {}
    handleBatch(events: readonly RecordedEvent[]): void {
      this.notes.add(`batch of ${events.length}`)
    }
  }
  @Projects({ name: 'table', events: ['Counted'] })
  class Table {
    constructor(@Inject(Notes) readonly notes: Notes) {}
    async handle(events: readonly RecordedEvent<Counted>[], tx: HandlerContext['tx']): Promise<void> {
      await tx.documents('rows').put('last', { version: events.at(-1)?.version })
      this.notes.add('projected')
    }
  }
  const store = memoryStore()
  await store.append(
    'a',
    [1, 2].map((by) => ({ type: 'Counted', data: { by } })),
  )
  await start({ imports: [root(store)], providers: [Notes, Singles, Batches, Table] })
  await vi.waitUntil(() => seen.length === 4)
  expect(seen.sort()).toEqual(['batch of 2', 'projected', 'single 1, attempt 1', 'single 2, attempt 1'])
  expect((await store.view('rows').get('last'))?.state).toEqual({ version: 2 })
})

it('makes a new instance for each event of a request-scoped handler', async () => {
  const instances = new Set<object>()
  @Injectable({ scope: Scope.REQUEST })
  class PerEvent {}
  @Subscribes({ name: 'scoped' })
  class Scoped {
    constructor(@Inject(PerEvent) readonly own: PerEvent) {}
    handle(): void {
      instances.add(this.own)
    }
  }
  const store = memoryStore()
  await store.append(
    'a',
    [1, 2, 3].map((by) => ({ type: 'Counted', data: { by } })),
  )
  await start({ imports: [root(store)], providers: [PerEvent, Scoped] })
  await vi.waitUntil(() => instances.size === 3)
})

it('closes the store that it has opened, and no other', async () => {
  const [opened, given] = [memoryStore(), memoryStore()]
  const started = await start({
    imports: [
      EventsourcedModule.forRoot({ open: () => opened }),
      EventsourcedModule.forRoot({ name: 'given', store: given }),
    ],
  })
  await started.close()
  await expect(opened.readStream('a')).rejects.toMatchObject({ code: 'store-closed' })
  await expect(given.readStream('a')).resolves.toMatchObject({ exists: false })
})

it('waits for the running handler when it shuts down, and releases its lease before the store closes', async () => {
  const store = memoryStore()
  let finish = () => {}
  const handled = vi.fn(() => new Promise<void>((resolve) => (finish = resolve)))
  const started = await start({
    imports: [
      EventsourcedModule.forRoot({ store }),
      EventsourcedModule.forFeature({ subscriptions: [{ name: 'slow', handle: handled }] }),
    ],
  })
  await store.append('a', [{ type: 'Counted', data: { by: 1 } }])
  await vi.waitUntil(() => handled.mock.calls.length === 1)
  const closed = vi.fn()
  const closing = started.close().then(closed)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(closed).not.toHaveBeenCalled()
  finish()
  await closing
  expect(await store.subscriptionStatus('slow')).toMatchObject({ owners: [], lag: 0 })
})

it('abandons a handler after stopTimeout', async () => {
  const store = memoryStore()
  const handle = vi.fn(() => new Promise<void>(() => {}))
  const started = await start({
    imports: [
      EventsourcedModule.forRoot({ store, stopTimeout: 20 }),
      EventsourcedModule.forFeature({ subscriptions: [{ name: 'stuck', handle }] }),
    ],
  })
  await store.append('a', [{ type: 'Counted', data: { by: 1 } }])
  await vi.waitUntil(() => handle.mock.calls.length === 1)
  await started.close()
  expect(await store.subscriptionStatus('stuck')).toMatchObject({ checkpoint: 0 })
})

it('runs nothing in a process with runSubscriptions: false', async () => {
  const store = memoryStore()
  await start({
    imports: [
      EventsourcedModule.forRoot({ store, runSubscriptions: false }),
      EventsourcedModule.forFeature({ projections: [sums] }),
    ],
  })
  expect(await store.subscriptionStatus('sums')).toBeUndefined()
})

it('reports a failed subscription in the log and in the health, and the process lives on', async () => {
  const store = memoryStore()
  const started = await start({
    imports: [
      root(store),
      EventsourcedModule.forFeature({
        projections: [sums],
        subscriptions: [
          {
            name: 'broken',
            onError: { retries: 1, backoff: 1 },
            handle: () => {
              throw new Error('out of paper')
            },
          },
        ],
      }),
    ],
  })
  const health = started.get(EventsourcedHealthIndicator)
  expect(await health.isHealthy('log')).toMatchObject({ log: { status: 'up' } })
  await store.append('a', [{ type: 'Counted', data: { by: 1 } }])
  await vi.waitUntil(async () => (await health.isHealthy()).eventsourced.status === 'down')
  const { subscriptions } = (await health.isHealthy()).eventsourced
  expect(subscriptions).toMatchObject({
    broken: { status: 'down', state: 'failed', error: 'subscription-failed' },
    sums: { status: 'up' },
  })
  expect(errors).toEqual([
    "Subscription 'broken' retries at Counted (position 1), attempt 1: out of paper",
    expect.stringMatching(/attempt 2: out of paper|^Subscription 'broken' failed/),
    ...errors.slice(2),
  ])
  expect(errors.at(-1)).toContain(
    "Subscription 'broken' failed at the event at position 1: out of paper. This process",
  )
})

it('reports a parked event in the log', async () => {
  const store = memoryStore()
  const handle = () => {
    throw new Error('unreadable')
  }
  await start({
    imports: [
      root(store),
      EventsourcedModule.forFeature({
        subscriptions: [{ name: 'letters', onError: { retries: 0, action: 'park' }, handle }],
      }),
    ],
  })
  await store.append('a', [{ type: 'Counted', data: { by: 1 } }])
  await vi.waitUntil(async () => (await store.subscriptionStatus('letters'))?.parked === 1)
  expect(errors.join('\n')).toContain("Subscription 'letters' has parked an event at Counted (position 1)")
})

it('is down when a subscription is further behind than maxLagTime', async () => {
  const store = memoryStore()
  const started = await start({
    imports: [
      EventsourcedModule.forRoot({ store, stopTimeout: 0 }),
      EventsourcedModule.forFeature({
        subscriptions: [{ name: 'late', handle: () => new Promise<void>(() => {}) }],
      }),
    ],
  })
  const health = started.get(EventsourcedHealthIndicator)
  expect((await health.isHealthy('log', { maxLagTime: 10 })).log.status).toBe('up')
  await store.append('a', [{ type: 'Counted', data: { by: 1 } }])
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect((await health.isHealthy('log', { maxLagTime: 10 })).log).toMatchObject({
    status: 'down',
    subscriptions: { late: { status: 'down', lagTime: expect.any(Number) } },
  })
})

it('refuses times for the health that no timer can wait', async () => {
  const health = (await start({ imports: [root()] })).get(EventsourcedHealthIndicator)
  const wrong = [{ timeout: Number.POSITIVE_INFINITY }, { timeout: -1 }, { maxLagTime: '5' as never }]
  for (const options of wrong) {
    await expect(health.isHealthy('store', options)).rejects.toThrow('must be a whole number of milliseconds')
  }
})

it('calls onStateChange of the options, too', async () => {
  const states: string[] = []
  await start({
    imports: [
      root(),
      EventsourcedModule.forFeature({
        projections: [{ projection: sums, onStateChange: (state) => void states.push(state) }],
      }),
    ],
  })
  await vi.waitUntil(() => states.includes('live'))
})

it('refuses a wrong set-up by name', async () => {
  const subscription = { name: 'twice', handle() {} }
  const feature = (subscriptions: readonly (typeof subscription)[]) =>
    EventsourcedModule.forFeature({ subscriptions })
  class Bare {
    handle(): void {}
  }
  @Subscribes({ name: 'elsewhere', store: 'nowhere' })
  class Elsewhere {
    handle(): void {}
  }
  @Subscribes({ name: 'nothing' })
  class Nothing {}

  expect(await refusal({ imports: [feature([subscription])] })).toContain(
    "needs the store 'default', which is not registered",
  )
  expect(await refusal({ imports: [root(), root()] })).toContain('Two stores are registered without a name')
  const named = () => EventsourcedModule.forRoot({ name: 'a', store: memoryStore() })
  expect(await refusal({ imports: [named(), named()] })).toContain("Two stores are registered as 'a'")
  expect(await refusal({ imports: [root()], providers: [Elsewhere] })).toBe(
    "Elsewhere (in RootTestModule) follows the store 'nowhere', which is not registered. Registered: 'default'. Name one of them, or register the store with EventsourcedModule.forRoot",
  )
  expect(await refusal({ imports: [root()], providers: [Nothing] })).toContain(
    'needs a method `handle` or a method `handleBatch`',
  )
  expect(await refusal({ imports: [root(), feature([subscription]), feature([subscription])] })).toContain(
    "Two subscriptions of store 'default' are named 'twice'",
  )
  expect(() => EventsourcedModule.forFeature({ subscriptions: [Bare] })).toThrow('but has no @Subscribes')
  expect(() => EventsourcedModule.forFeature({ subscriptions: [Elsewhere] })).toThrow(
    "Elsewhere is in EventsourcedModule.forFeature of the store 'default', but its @Subscribes names the store 'nowhere'",
  )
  expect(() => EventsourcedModule.forFeature({ projections: [undefined as never] })).toThrow('is undefined')
  expect(() => EventsourcedModule.forRoot({ name: '', store: memoryStore() })).toThrow('The name of a store')
  expect(await refusal({ imports: [EventsourcedModule.forRoot({})] })).toContain('either `store` or `open`')
  expect(await refusal({ imports: [EventsourcedModule.forRoot({ open: () => ({}) as never })] })).toContain(
    'must give an event store',
  )
  // Without this check, the application would start, and its shutdown would abandon all handlers at once.
  for (const stopTimeout of [-1, 0.5, 2 ** 31, Number.POSITIVE_INFINITY, '5' as never]) {
    expect(
      await refusal({ imports: [EventsourcedModule.forRoot({ store: memoryStore(), stopTimeout })] }),
    ).toContain(
      "`stopTimeout` of store 'default' must be a whole number of milliseconds from 0 to 2147483647, not ",
    )
  }
  expect(() => InjectCommandHandler(undefined as never)).toThrow('import cycle')
  expect(() => InjectView(undefined as never)).toThrow('import cycle')
})

it('stops what it has started when a later subscription is refused', async () => {
  const store = memoryStore()
  const wrong = { name: 'wrong', batchSize: -1, handle() {} }
  expect(
    await refusal({
      imports: [root(store), EventsourcedModule.forFeature({ projections: [sums], subscriptions: [wrong] })],
    }),
  ).toContain('batchSize')
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect((await store.subscriptionStatus('sums'))?.state).toBeUndefined()
})
