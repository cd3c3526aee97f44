/** What the bridge to `@nestjs/cqrs` promises: aggregates on streams, and event handlers that run from the log. */
import 'reflect-metadata'
import { type EventStore, memoryStore } from '@eventsourced/core'
import { EventsourcedHealthIndicator, EventsourcedModule } from '@eventsourced/nestjs'
import {
  type AggregateRepository,
  aggregateRepositoryProvider,
  Durable,
  EventsourcedCqrsModule,
  type EventsourcedCqrsOptions,
  getAggregateRepositoryToken,
} from '@eventsourced/nestjs/cqrs'
import { type BeforeApplicationShutdown, Injectable, type Provider, Scope } from '@nestjs/common'
import {
  AggregateRoot,
  CommandHandler,
  CqrsModule,
  EventsHandler,
  type IEventHandler,
  ofType,
  Saga,
} from '@nestjs/cqrs'
import { Test, type TestingModule } from '@nestjs/testing'
import { map, type Observable } from 'rxjs'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

class Opened {
  constructor(
    readonly owner: string,
    readonly at: Date = new Date(0),
  ) {}
}
class Deposited {
  constructor(readonly amount: number) {}
}
class Unknown {}

class Account extends AggregateRoot<object> {
  owner: string | undefined
  openedAt: Date | undefined
  balance = 0
  readonly id: string

  constructor(id: string) {
    super()
    this.id = id
  }

  open(owner: string): void {
    this.apply(new Opened(owner, new Date(1_000)))
  }

  deposit(amount: number): void {
    if (amount <= 0) throw new Error('Nothing to deposit')
    this.apply(new Deposited(amount))
  }

  onOpened({ owner, at }: Opened): void {
    this.owner = owner
    this.openedAt = at
  }

  onDeposited({ amount }: Deposited): void {
    this.balance += amount
  }
}

const events = {
  'account-opened': {
    type: Opened,
    write: ({ owner, at }: Opened) => ({ owner, at: at.toISOString() }),
    read: ({ owner, at }: { owner: string; at: string }) => new Opened(owner, new Date(at)),
  },
  Deposited,
}

let store: EventStore
let app: TestingModule | undefined
let errors: string[] = []

beforeEach(() => {
  store = memoryStore()
  errors = []
})
afterEach(async () => {
  await app?.close()
  app = undefined
})

async function start(
  providers: Provider[] = [],
  options: Partial<EventsourcedCqrsOptions> = {},
  own: EventStore = store,
): Promise<TestingModule> {
  const note = (message: unknown) => void errors.push(String(message))
  app = await Test.createTestingModule({
    imports: [
      CqrsModule.forRoot(),
      EventsourcedModule.forRoot({ store: own }),
      EventsourcedCqrsModule.forRoot({ events, ...options }),
    ],
    providers: [aggregateRepositoryProvider(Account, { streamId: (id) => `account-${id}` }), ...providers],
  })
    .setLogger({ log() {}, warn: note, error: note })
    .compile()
  await app.init()
  return app
}

async function accounts(own: EventStore = store): Promise<AggregateRepository<Account>> {
  return (await start([], {}, own)).get(getAggregateRepositoryToken(Account))
}

it('saves the uncommitted events of an aggregate, and loads it by applying its stream', async () => {
  const repository = await accounts()
  const account = repository.create('a')
  account.open('Ada')
  account.deposit(40)
  expect(await repository.save(account)).toMatchObject({ streamId: 'account-a', version: 2 })
  expect(account.getUncommittedEvents()).toEqual([])
  expect((await store.readStream('account-a')).events).toMatchObject([
    { type: 'account-opened', data: { owner: 'Ada', at: '1970-01-01T00:00:01.000Z' } },
    { type: 'Deposited', data: { amount: 40 } },
  ])

  account.deposit(2)
  expect(await repository.save(account, { metadata: { userId: 'u' } })).toMatchObject({ version: 3 })
  const loaded = await repository.load('a')
  expect(loaded).toMatchObject({ id: 'a', owner: 'Ada', balance: 42, openedAt: new Date(1_000) })
  expect(loaded.getUncommittedEvents()).toEqual([])
  expect(await repository.save(loaded)).toBeUndefined()
  expect((await store.readStream('account-a')).events[2]?.metadata).toMatchObject({ userId: 'u' })
  expect(await repository.find('a')).toMatchObject({ balance: 42 })
  expect(await repository.find('b')).toBeUndefined()
  expect(await repository.load('b')).toMatchObject({ id: 'b', balance: 0 })
})

it('reads an event as an instance of its class, whatever its data contains', async () => {
  const repository = await accounts()
  const data = JSON.parse('{ "amount": 5, "__proto__": { "amount": 7 }, "constructor": 1 }')
  await store.append('account-a', [{ type: 'Deposited', data }])
  expect((await repository.load('a')).balance).toBe(5)
})

it('refuses to save an aggregate if another save came first, and keeps its events', async () => {
  const repository = await accounts()
  const [first, second] = [await repository.load('a'), await repository.load('a')]
  first.deposit(1)
  second.deposit(2)
  await repository.save(first)
  await expect(repository.save(second)).rejects.toMatchObject({ code: 'wrong-expected-version', actual: 1 })
  expect(second.getUncommittedEvents()).toHaveLength(1)
  const created = repository.create('a')
  created.deposit(3)
  await expect(repository.save(created)).rejects.toMatchObject({ code: 'wrong-expected-version' })
})

it('repeats a save whose answer was lost without recording the events twice', async () => {
  let isLost = true
  const append: EventStore['append'] = async (...call) => {
    const result = await store.append(...call)
    if (!isLost) return result
    isLost = false
    throw new Error('the answer was lost')
  }
  const losing = Object.assign(Object.create(store), { append }) as EventStore
  const repository = await accounts(losing)
  const account = repository.create('a')
  account.deposit(1)
  await expect(repository.save(account)).rejects.toThrow('the answer was lost')
  expect(await repository.save(account)).toMatchObject({ version: 1, deduplicated: true })
  account.deposit(1)
  expect(await repository.save(account)).toMatchObject({ version: 2, deduplicated: false })
})

it('gives each event an id of its own, also if one object is applied several times', async () => {
  const repository = await accounts()
  const shared = new Deposited(1)
  for (const id of ['a', 'b']) {
    const account = repository.create(id)
    account.apply(shared)
    account.apply(shared)
    expect(await repository.save(account)).toMatchObject({ version: 2, deduplicated: false })
    account.apply(shared)
    expect(await repository.save(account)).toMatchObject({ version: 3, deduplicated: false })
  }
})

it('updates an aggregate: repeats the change after a conflict, and handles a command id once', async () => {
  const repository = await accounts()
  const deposits = Array.from({ length: 8 }, () => repository.update('a', (account) => account.deposit(5)))
  await Promise.all(deposits)
  expect(await repository.load('a')).toMatchObject({ balance: 40 })

  const change = vi.fn((account: Account) => account.deposit(2))
  const commandId = 'deposit-1'
  const both = await Promise.all([
    repository.update('a', change, { commandId }),
    repository.update('a', change, { commandId }),
  ])
  expect(both.map(({ deduplicated }) => deduplicated).sort()).toEqual([false, true])
  const again = await repository.update('a', change, { commandId })
  expect(again).toMatchObject({ deduplicated: true, version: 9, aggregate: { balance: 42 } })
  expect((await store.readStream('account-a')).events.at(-1)?.metadata).toMatchObject({
    causationId: commandId,
  })

  await expect(repository.update('a', (account) => account.deposit(0))).rejects.toThrow('Nothing to deposit')
  expect(await repository.update('a', () => {})).toMatchObject({ version: 9, deduplicated: false })
  const overtaken = repository.update('a', async () => void (await store.append('account-a', [deposit(1)])), {
    retries: 1,
  })
  await expect(overtaken).resolves.toMatchObject({ version: 9 })
  const always = async (account: Account) => {
    account.deposit(1)
    await store.append('account-a', [deposit(1)])
  }
  await expect(repository.update('a', always, { retries: 1 })).rejects.toMatchObject({
    code: 'command-overtaken',
    decisions: 2,
  })
})

const deposit = (amount: number) => ({ type: 'Deposited', data: { amount } })

it('passes each recorded event to a durable handler, in order, and not over the event bus', async () => {
  const seen: unknown[] = []
  @Durable({ name: 'statements' })
  @EventsHandler(Opened, Deposited)
  class Statements implements IEventHandler<Opened | Deposited> {
    handle(...call: unknown[]): void {
      seen.push(call)
    }
  }
  const started = await start([Statements], { eventBus: { name: 'bus' } })
  const repository: AggregateRepository<Account> = started.get(getAggregateRepositoryToken(Account))
  const { position } = await repository.update('a', (account) => {
    account.open('Ada')
    account.deposit(40)
  })
  await vi.waitUntil(async () => (await store.subscriptionStatus('bus'))?.checkpoint === position)
  await vi.waitUntil(() => seen.length >= 2)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(seen).toEqual([
    [
      new Opened('Ada', new Date(1_000)),
      expect.objectContaining({ version: 1 }),
      expect.objectContaining({ attempt: 1 }),
    ],
    [new Deposited(40), expect.objectContaining({ version: 2 }), expect.objectContaining({ attempt: 1 })],
  ])
  expect((seen as unknown[][])[0]?.[0]).toBeInstanceOf(Opened)
})

it('repeats a failed call of a durable handler, and parks the event after the last retry', async () => {
  const handle = vi.fn(({ amount }: Deposited, _event?: unknown, context?: { attempt: number }) => {
    if (amount === 13 || context?.attempt === 1) throw new Error('the bank is closed')
  })
  @Durable({ name: 'transfers', onError: { retries: 1, backoff: 1, action: 'park' } })
  @EventsHandler(Deposited)
  class Transfers implements IEventHandler<Deposited> {
    handle = handle
  }
  await start([Transfers])
  await store.append('account-a', [deposit(13), deposit(1)])
  await vi.waitUntil(() => handle.mock.calls.length === 4)
  expect(handle.mock.calls.map(([{ amount }]) => amount)).toEqual([13, 13, 1, 1])
  expect(await store.subscriptionStatus('transfers')).toMatchObject({ parked: 1 })
  expect(errors.join('\n')).toContain("'transfers' has parked an event at Deposited")
})

it('continues after the last handled event when the application starts again', async () => {
  const seen: number[] = []
  @Durable({ name: 'letters' })
  @EventsHandler(Deposited)
  class Letters implements IEventHandler<Deposited> {
    handle({ amount }: Deposited): void {
      seen.push(amount)
    }
  }
  await store.append('account-a', [deposit(1)])
  await start([Letters])
  await vi.waitUntil(() => seen.length === 1)
  await app?.close()
  await store.append('account-a', [deposit(2)])
  await start([Letters])
  await vi.waitUntil(() => seen.length === 2)
  expect(seen).toEqual([1, 2])
})

it('makes a new instance of a request-scoped durable handler for each event', async () => {
  const instances = new Set<object>()
  @Durable({ name: 'scoped' })
  @EventsHandler(Deposited, { scope: Scope.REQUEST })
  class Scoped implements IEventHandler<Deposited> {
    handle(): void {
      instances.add(this)
    }
  }
  await store.append('account-a', [deposit(1), deposit(2)])
  await start([Scoped])
  await vi.waitUntil(() => instances.size === 2)
})

it('publishes recorded events on the event bus, for sagas and other handlers', async () => {
  const seen: object[] = []
  class Welcome {
    readonly owner: string
    constructor(owner: string) {
      this.owner = owner
    }
  }
  @CommandHandler(Welcome)
  class WelcomeHandler {
    async execute(command: Welcome): Promise<void> {
      seen.push(command)
    }
  }
  @Injectable()
  class Sagas {
    @Saga()
    welcome = (all: Observable<object>): Observable<Welcome> =>
      all.pipe(
        ofType(Opened),
        map(({ owner }) => new Welcome(owner)),
      )
  }
  @EventsHandler(Deposited)
  class Bus implements IEventHandler<Deposited> {
    handle(event: Deposited): void {
      seen.push(event)
    }
  }
  await store.append('account-a', [
    { type: 'account-opened', data: { owner: 'Ada', at: '2026-01-01' } },
    deposit(3),
    { type: 'of-another-model', data: {} },
  ])
  await start([WelcomeHandler, Sagas, Bus], { eventBus: { name: 'event-bus', from: 'beginning' } })
  await vi.waitUntil(() => seen.length === 2)
  expect(seen).toEqual([new Welcome('Ada'), new Deposited(3)])
})

it('publishes nothing on a bus that has ended: the next process publishes it', async () => {
  const seen: number[] = []
  @EventsHandler(Deposited)
  class Bus implements IEventHandler<Deposited> {
    handle({ amount }: Deposited): void {
      seen.push(amount)
    }
  }
  // Nest calls this hook after the bus has ended, and before it stops the durable handlers.
  @Injectable()
  class LateWriter implements BeforeApplicationShutdown {
    async beforeApplicationShutdown(): Promise<void> {
      await store.append('account-a', [deposit(seen.length)])
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const eventBus = { name: 'event-bus' }
  await store.append('account-a', [deposit(0)])
  const started = await start([Bus, LateWriter], { eventBus })
  await vi.waitUntil(() => seen.length === 1)
  await started.close()
  await start([Bus], { eventBus })
  await vi.waitUntil(() => seen.length === 2)
  expect(seen).toEqual([0, 1])
})

it('refuses a wrong set-up by name', async () => {
  const refusal = (...call: Parameters<typeof start>) =>
    start(...call).then(String, (error: Error) => error.message)
  @Durable({ name: 'unknown' })
  @EventsHandler(Unknown)
  class UnknownHandler implements IEventHandler<Unknown> {
    handle(): void {}
  }
  expect(await refusal([UnknownHandler])).toBe(
    'UnknownHandler (in RootTestModule) uses the event class Unknown, which is not in `events` of EventsourcedCqrsModule. Add it there, under the type that it is stored as',
  )
  expect(await refusal([], { events: { A: Opened, B: Opened } })).toContain(
    "has Opened twice, as 'A' and 'B'",
  )
  expect(await refusal([], { events: { A: undefined as never } })).toContain("has no class for 'A'")
  expect(() => EventsourcedCqrsModule.forRoot({} as never)).toThrow('needs `events`')
  expect(() =>
    Durable({ name: 'x' })(
      class Bare {
        handle(): void {}
      },
    ),
  ).toThrow('Write @Durable above @EventsHandler')

  const repository = await accounts()
  const foreign = new Account('a')
  foreign.deposit(1)
  await expect(repository.save(foreign)).rejects.toThrow('comes from no call of create, load or find')
  const account = repository.create('a')
  account.apply(new Unknown())
  await expect(repository.save(account)).rejects.toThrow('uses the event class Unknown')
  await store.append('account-b', [{ type: 'Strange', data: {} }])
  await expect(repository.load('b')).rejects.toThrow("reads an event of type 'Strange'")
  const committing = repository.create('c')
  committing.autoCommit = true
  await expect(repository.save(committing)).rejects.toThrow('has autoCommit')
})

it('reports durable handlers in the health', async () => {
  @Durable({ name: 'failing', onError: { retries: 0 } })
  @EventsHandler(Deposited)
  class Failing implements IEventHandler<Deposited> {
    handle(): void {
      throw new Error('no')
    }
  }
  await store.append('account-a', [deposit(1)])
  const health = (await start([Failing])).get(EventsourcedHealthIndicator)
  await vi.waitUntil(async () => (await health.isHealthy()).eventsourced.status === 'down')
})
