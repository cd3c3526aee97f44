/** Cases of the audit trail: what operators did is kept, in order, apart from all that programs read. */
import assert from 'node:assert/strict'
import type { AuditEntry, NewAuditEntry } from '../audit/audit-trail.ts'
import { projection } from '../projection/projection.ts'
import type { EventStore } from '../store.ts'
import type { ConformanceCase } from './case.ts'
import { collect, counted, everything, range } from './events.ts'
import { allAtOnce, failure, refused } from './expect.ts'

const group = 'audit'

const pause: NewAuditEntry = {
  actor: 'ada@console-1',
  action: 'subscriptions.pause',
  target: 'mailer',
  outcome: 'done',
}

const entriesOf = (store: EventStore) => collect(store.audit.list())
const targetsOf = (entries: readonly AuditEntry[]) => entries.map(({ target }) => target)

const numbers = projection({
  name: 'numbers',
  key: () => 'all',
  initialState: () => ({ count: 0 }),
  evolve: ({ count }) => ({ count: count + 1 }),
})

export const auditCases: readonly ConformanceCase[] = [
  {
    group,
    name: 'keeps an entry as it was recorded, with an id and a time',
    async run({ open }) {
      const store = await open()
      assert.deepEqual(await entriesOf(store), [])
      const before = Date.now()
      const started = await store.audit.record({
        ...pause,
        outcome: 'started',
        reason: 'The mail server is down: "550" \\ 😀',
        details: { nested: [{ ['__proto__']: null }, 1.5, 'ä'], none: undefined },
      })
      const failed = { ...pause, outcome: 'failed', startId: started.id, error: 'no\nmailbox' } as const
      const second = await store.audit.record(failed)
      const after = Date.now()
      const { id, at, ...facts } = started
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/)
      assert.ok(before <= at.getTime() && at <= second.at && second.at.getTime() <= after + 1)
      assert.deepEqual(facts, {
        ...pause,
        outcome: 'started',
        reason: 'The mail server is down: "550" \\ 😀',
        details: { nested: [{ ['__proto__']: null }, 1.5, 'ä'] },
      })
      assert.deepEqual(second, { id: second.id, at: second.at, ...failed })
      assert.deepEqual(await entriesOf(store), [second, started])
    },
  },
  {
    group,
    name: 'keeps the largest entry that it accepts',
    async run({ open }) {
      const store = await open()
      const largest = {
        actor: 'é'.repeat(256),
        action: 'x'.repeat(512),
        target: '😀'.repeat(128),
        outcome: 'failed',
        reason: '€'.repeat(1_365),
        error: 'x'.repeat(4_096),
        details: { text: 'x'.repeat(65_536 - '{"text":""}'.length) },
      } as const
      const entry = await store.audit.record(largest)
      assert.deepEqual(await entriesOf(store), [{ id: entry.id, at: entry.at, ...largest }])
    },
  },
  {
    group,
    name: 'lists the newest entry first, page by page, and a part of them by limit and before',
    async run({ open }) {
      const store = await open()
      const recorded: AuditEntry[] = []
      for (const number of range(1, 230)) {
        recorded.unshift(await store.audit.record({ ...pause, target: `s-${number}` }))
      }
      assert.deepEqual(await entriesOf(store), recorded)
      const list = (limit: number | undefined, before?: string) =>
        collect(store.audit.list({ limit, before }))
      for (const limit of [1, 99, 100, 101, 230, 1_000]) {
        assert.deepEqual(await list(limit), recorded.slice(0, limit))
      }
      const [newest, oldest] = [recorded[0]?.id, recorded[229]?.id]
      assert.deepEqual(await list(undefined, newest), recorded.slice(1))
      assert.deepEqual(await list(3, recorded[150]?.id.toUpperCase()), recorded.slice(151, 154))
      assert.deepEqual(await list(undefined, oldest), [])
    },
  },
  {
    group,
    name: 'keeps every entry of calls at the same moment, and equal entries apart',
    async run({ open }) {
      const store = await open()
      const entries = await allAtOnce(100, () => store.audit.record(pause))
      assert.equal(new Set(entries.map(({ id }) => id)).size, 100)
      assert.deepEqual(
        await entriesOf(store),
        entries.toSorted((a, b) => (a.id < b.id ? 1 : -1)),
      )
    },
  },
  {
    group,
    name: 'shows the entries of one store to another, also after the first one is closed',
    needs: ['shared-data'],
    async run({ open }) {
      const [store, other] = [await open(), await open()]
      await store.audit.record({ ...pause, target: 'first' })
      await other.audit.record({ ...pause, target: 'second' })
      await store.close()
      const third = await open()
      assert.deepEqual(targetsOf(await entriesOf(third)), ['second', 'first'])
    },
  },
  {
    group,
    name: 'records an entry once if the answer of the database is lost',
    needs: ['cut-connections'],
    async run({ openBehindProxy }) {
      const { store, proxy } = await openBehindProxy()
      for (const number of range(1, 6)) {
        const cutsBefore = proxy.cuts
        proxy.cutAnswers(number % 3 === 0 ? 2 : 1)
        await store.audit.record({ ...pause, target: `s-${number}` })
        assert.ok(proxy.cuts > cutsBefore, 'the proxy has cut a connection')
      }
      proxy.cutAnswers(0)
      assert.deepEqual(targetsOf(await entriesOf(store)), ['s-6', 's-5', 's-4', 's-3', 's-2', 's-1'])
    },
  },
  {
    group,
    name: 'leaves the log, the streams, the projections, the views and the subscriptions as they are',
    async run({ open }) {
      const store = await open({ inline: [numbers] })
      await store.append('a', counted(3))
      const handled: number[] = []
      const handle = ({ position }: { readonly position: number }) => void handled.push(position)
      await store.runOnce({ name: 'reader', handle })
      const look = async () => ({
        everything: await everything(store),
        projections: await collect(store.listProjections()),
        documents: await collect(store.view(numbers).list()),
        subscriptions: (await collect(store.subscriptions.list())).map(({ name, checkpoint, lag }) => ({
          name,
          checkpoint,
          lag,
        })),
        snapshot: await store.snapshots.read('audit', 'a'),
        collection: await collect(store.view('audit').list()),
      })
      const before = await look()
      for (const outcome of ['started', 'done'] as const) await store.audit.record({ ...pause, outcome })
      assert.deepEqual(await look(), before)
      await store.runOnce({ name: 'reader', handle })
      assert.equal(handled.length, 3)
    },
  },
  {
    group,
    name: 'keeps the entries through rebuilds, drops, and documents of collections with similar names',
    async run({ open }) {
      const store = await open({ inline: [numbers] })
      await store.append('a', counted(3))
      const entry = await store.audit.record(pause)
      await store.rebuild(numbers)
      assert.equal((await store.verify(numbers)).ok, true)
      await store.dropProjection('numbers')
      assert.equal(await store.dropProjection('audit'), false)
      await store.snapshots.delete('audit')
      const handle: Parameters<EventStore['runOnce']>[0] = {
        name: 'writer',
        transactional: true,
        async handle(_event, { tx }) {
          await tx.documents('audit').put('a', 1)
          await tx.documents('audit').delete('a')
        },
      }
      await store.runOnce(handle)
      assert.deepEqual(await entriesOf(store), [entry])
    },
  },
  {
    group,
    name: 'refuses the reserved name of the entries to views, projections, subscriptions and collections',
    async run({ open }) {
      const store = await open()
      await store.append('a', counted(1))
      const entry = await store.audit.record(pause)
      const name = '$audit'
      const uses: readonly (() => unknown)[] = [
        () => store.view(name),
        () => projection({ ...numbers, name }),
        () => store.subscribe({ name, handle() {} }),
        () => store.dropProjection(name),
        () => store.snapshots.read(name, 'a'),
      ]
      for (const use of uses) {
        const { message } = await refused(use, 'invalid-input')
        assert.match(message, /must not begin with \$, which is reserved for this library: use another name/)
      }
      let refusal: unknown
      await store.runOnce({
        name: 'writer',
        transactional: true,
        async handle(_event, { tx }) {
          try {
            await tx.documents(name).put('a', 1)
          } catch (error) {
            refusal = error
          }
        },
      })
      await refused(Promise.reject(refusal), 'invalid-input', { field: 'collection' })
      assert.deepEqual(await entriesOf(store), [entry])
    },
  },
  {
    group,
    name: 'refuses wrong input, and then records nothing',
    async run({ open }) {
      const { audit } = await open()
      const wrong: readonly (readonly [field: string, change: object])[] = [
        ['entry.actor', { actor: '' }],
        ['entry.actor', { actor: undefined }],
        ['entry.action', { action: 'x'.repeat(513) }],
        ['entry.target', { target: 7 }],
        ['entry.target', { target: 'a\0' }],
        ['entry.outcome', { outcome: 'skipped' }],
        ['entry.startId', { startId: 'first' }],
        ['entry.startId', { startId: '0190a5b2-0000-7000-8000-000000000001', outcome: 'started' }],
        ['entry.reason', { reason: 'x'.repeat(4_097) }],
        ['entry.reason', { reason: '\ud83d' }],
        ['entry.error', { error: 'no' }],
        ['entry.error', { error: 7, outcome: 'failed' }],
        ['entry.details', { details: ['a'] }],
        ['entry.details', { details: 'a' }],
        ['entry.details.when', { details: { when: new Date() } }],
        ['entry.details', { details: { text: 'x'.repeat(65_536) } }],
        ['entry', { at: new Date() }],
      ]
      for (const [field, change] of wrong) {
        await refused(audit.record({ ...pause, ...change }), 'invalid-input', { field })
      }
      for (const entry of [undefined, null, 'a', []] as unknown[]) {
        await refused(audit.record(entry as NewAuditEntry), 'invalid-input', { field: 'entry' })
      }
      await refused(() => audit.list({ limit: 0 }), 'invalid-input', { field: 'limit' })
      await refused(() => audit.list({ before: 'newest' }), 'invalid-input', { field: 'before' })
      const reason = new Error('given up')
      const aborted = { signal: AbortSignal.abort(reason) }
      assert.equal(await failure(audit.record(pause, aborted)), reason)
      assert.deepEqual(await collect(audit.list()), [])
    },
  },
]
