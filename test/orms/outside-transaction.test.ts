/** The bridges to ORMs refuse what is no transaction, or none any more, and then write nothing. */
import {
  fromKnex,
  fromMikroOrm,
  fromPrisma,
  fromTypeOrm,
  type PostgresStore,
  postgresStore,
  type TransactionalStore,
} from '@eventsourced/core/postgres'
import { PrismaPg } from '@prisma/adapter-pg'
import knexOn, { type Knex } from 'knex'
import { DataSource } from 'typeorm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted, logOf } from '../../src/conformance/events.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'
import { PrismaClient } from './generated/prisma/client.ts'
import { openMikroOrm } from './orm-drivers.ts'

let database: FreshDatabase
let store: PostgresStore
let prisma: PrismaClient
let knex: Knex
let source: DataSource
let orm: Awaited<ReturnType<typeof openMikroOrm>>

beforeAll(async () => {
  database = await freshDatabase()
  store = postgresStore(database.url)
  await store.append('before', counted(1))
  prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: database.url }) })
  knex = knexOn({ client: 'pg', connection: database.url })
  source = await new DataSource({ type: 'postgres', url: database.url }).initialize()
  orm = await openMikroOrm(database.url)
})

afterAll(async () => {
  await Promise.all([prisma.$disconnect(), knex.destroy(), source.destroy(), orm.close(), store.close()])
  await database.drop()
})

const bridges = { fromPrisma, fromKnex, fromTypeOrm, fromMikroOrm }

// The types refuse the whole clients.
it.each<[name: string, remedy: RegExp, bridge: () => unknown]>([
  ['a Prisma client', /prisma\.\$transaction/, () => fromPrisma(prisma as never)],
  ['Knex itself', /knex\.transaction/, () => fromKnex(knex as never)],
  ['a DataSource of TypeORM', /dataSource\.transaction/, () => fromTypeOrm(source as never)],
  ['the EntityManager of a DataSource', /dataSource\.transaction/, () => fromTypeOrm(source.manager)],
  ['a QueryRunner that did not begin', /startTransaction/, () => fromTypeOrm(source.createQueryRunner())],
  ['an EntityManager of MikroORM that did not begin', /em\.transactional/, () => fromMikroOrm(orm.em.fork())],
  ['MikroORM itself', /em\.transactional/, () => fromMikroOrm(orm as never)],
])('%s is refused', (_, remedy, bridge) => {
  expect(bridge).toThrow(expect.objectContaining({ code: 'invalid-input', field: 'transaction' }))
  expect(bridge).toThrow(remedy)
})

it.each(Object.entries(bridges))('%s refuses what is of no ORM', (_, bridge) => {
  const ofAnotherDatabase = { getTransactionContext: () => ({ withTransaction() {} }) }
  for (const value of [undefined, null, 'begin', 1, {}, [], () => {}, new Date(), ofAnotherDatabase]) {
    expect(() => bridge(value as never)).toThrow(expect.objectContaining({ code: 'invalid-input' }))
  }
})

it.each<[name: string, bridge: () => Promise<unknown>]>([
  [
    'a transaction of Knex',
    async () => {
      const trx = await knex.transaction()
      await trx.rollback()
      return fromKnex(trx)
    },
  ],
  [
    'a QueryRunner of TypeORM',
    async () => {
      const runner = source.createQueryRunner()
      await runner.startTransaction()
      await runner.commitTransaction()
      await runner.release()
      return fromTypeOrm(runner)
    },
  ],
  [
    'an EntityManager of MikroORM',
    async () => {
      const em = orm.em.fork()
      await em.begin()
      await em.commit()
      return fromMikroOrm(em)
    },
  ],
])('%s is refused after its end', async (_, bridge) => {
  await expect(bridge()).rejects.toMatchObject({ code: 'invalid-input', field: 'transaction' })
})

type Use = (inside: TransactionalStore) => Promise<TransactionalStore>

describe.each<[name: string, leave: (use: Use) => Promise<TransactionalStore>]>([
  ['Prisma', (use) => prisma.$transaction((tx) => use(store.inTransaction(fromPrisma(tx))))],
  ['Knex', (use) => knex.transaction((trx) => use(store.inTransaction(fromKnex(trx))))],
  ['TypeORM', (use) => source.transaction((manager) => use(store.inTransaction(fromTypeOrm(manager))))],
  ['MikroORM', (use) => orm.em.fork().transactional((em) => use(store.inTransaction(fromMikroOrm(em))))],
])('a store whose transaction of %s has ended', (_, leave) => {
  it.each<[name: string, use: Use]>([
    ['it did nothing before', async (inside) => inside],
    [
      'it has read before',
      async (inside) => {
        await inside.readStream('before')
        return inside
      },
    ],
  ])('neither writes nor reads, if %s', async (_, use) => {
    const inside = await leave(use)
    const before = await logOf(store)
    const refusal = { code: 'not-in-transaction' }
    await expect(inside.readStream('before')).rejects.toMatchObject(refusal)
    await expect(inside.append('a', counted(1))).rejects.toMatchObject(refusal)
    await expect(inside.appendAll([{ streamId: 'a', events: counted(1) }])).rejects.toMatchObject(refusal)
    await expect(inside.createStream('a')).rejects.toMatchObject(refusal)
    expect(await logOf(store)).toEqual(before)
  })
})

it('a transaction of Prisma that has run for longer than its `timeout` is over, and nothing is written', async () => {
  const before = await logOf(store)
  const late = prisma.$transaction(
    async (tx) => {
      const inside = store.inTransaction(fromPrisma(tx))
      await inside.append('late', counted(1))
      await sleep(300)
      await inside.append('late', counted(1))
    },
    { timeout: 100 },
  )
  await expect(late).rejects.toMatchObject({
    code: 'not-in-transaction',
    cause: { cause: { code: 'P2028' } },
  })
  expect(await logOf(store)).toEqual(before)
})

it('a nested transaction of Knex is over before its parent is', async () => {
  await knex.transaction(async (trx) => {
    const inner = await trx.transaction()
    const nested = store.inTransaction(fromKnex(inner))
    await nested.append('nested', counted(1))
    await inner.commit()
    await expect(nested.append('nested', counted(1))).rejects.toMatchObject({ code: 'not-in-transaction' })
    await store.inTransaction(fromKnex(trx)).append('nested', counted(1, 2), { expectedVersion: 1 })
  })
  expect(await store.streamInfo('nested')).toMatchObject({ version: 2 })
})

// Some of these have a method `query` or are functions, as clients of drivers are.
it.each<[name: string, bridge: string, use: (pass: (object: unknown) => void) => Promise<unknown>]>([
  ['Prisma', 'fromPrisma(tx)', (pass) => prisma.$transaction(async (tx) => pass(tx))],
  ['a Prisma client', 'fromPrisma(tx)', async (pass) => pass(prisma)],
  ['Knex', 'fromKnex(trx)', (pass) => knex.transaction(async (trx) => pass(trx))],
  ['Knex itself', 'fromKnex(trx)', async (pass) => pass(knex)],
  ['TypeORM', 'fromTypeOrm(manager)', (pass) => source.transaction(async (manager) => pass(manager))],
  ['a QueryRunner', 'fromTypeOrm(manager)', async (pass) => pass(source.createQueryRunner())],
  ['a DataSource', 'fromTypeOrm(manager)', async (pass) => pass(source)],
  ['MikroORM', 'fromMikroOrm(em)', (pass) => orm.em.transactional(async (em) => pass(em))],
])(
  'a transaction of %s without its bridge is refused, and the error names the bridge',
  async (_, bridge, use) => {
    await use((object) => {
      expect(() => store.inTransaction(object as never)).toThrow(
        expect.objectContaining({ code: 'invalid-input', message: expect.stringContaining(bridge) }),
      )
      expect(() => postgresStore(object as never)).toThrow(
        expect.objectContaining({ code: 'invalid-input', message: expect.stringContaining(bridge) }),
      )
    })
  },
)
