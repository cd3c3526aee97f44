/** The examples of the docs: the row that the ORM writes and the event are committed together, or neither is. */
import { uuidv7 } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle } from 'drizzle-orm/node-postgres'
import knexOn from 'knex'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { DataSource, EntitySchema } from 'typeorm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as drizzleExample from '../../examples/orms/drizzle.ts'
import * as knexExample from '../../examples/orms/knex.ts'
import * as kyselyExample from '../../examples/orms/kysely.ts'
import * as mikroOrmExample from '../../examples/orms/mikro-orm.ts'
import * as prismaExample from '../../examples/orms/prisma.ts'
import * as typeOrmExample from '../../examples/orms/typeorm.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'
import { PrismaClient } from './generated/prisma/client.ts'
import { openMikroOrm } from './orm-drivers.ts'

let database: FreshDatabase
let store: PostgresStore

beforeAll(async () => {
  database = await freshDatabase()
  await database.query('create table invoices (id uuid primary key, amount bigint)')
  store = postgresStore(database.url)
  await store.schema.create()
})

afterAll(async () => {
  await store.close()
  await database.drop()
})

const invoice = new EntitySchema<{ id: string; amount: number }>({
  name: 'Invoice',
  tableName: 'invoices',
  columns: { id: { type: 'uuid', primary: true }, amount: { type: 'bigint' } },
})

interface Opened {
  send(id: string): Promise<void>
  close(): Promise<unknown>
}

describe.each<[name: string, open: (url: string) => Promise<Opened>]>([
  [
    'Prisma',
    async (url) => {
      const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
      return {
        send: (id) => prismaExample.sendInvoice(prisma, store, id),
        close: () => prisma.$disconnect(),
      }
    },
  ],
  [
    'Knex',
    async (url) => {
      const knex = knexOn({ client: 'pg', connection: url })
      return { send: (id) => knexExample.sendInvoice(knex, store, id), close: () => knex.destroy() }
    },
  ],
  [
    'TypeORM',
    async (url) => {
      const source = await new DataSource({ type: 'postgres', url, entities: [invoice] }).initialize()
      return { send: (id) => typeOrmExample.sendInvoice(source, store, id), close: () => source.destroy() }
    },
  ],
  [
    'MikroORM',
    async (url) => {
      const orm = await openMikroOrm(url)
      return { send: (id) => mikroOrmExample.sendInvoice(orm.em.fork(), store, id), close: () => orm.close() }
    },
  ],
  [
    'Kysely',
    async (url) => {
      const db = new Kysely<{ invoices: { id: string; amount: number } }>({
        dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }),
      })
      return { send: (id) => kyselyExample.sendInvoice(db, store, id), close: () => db.destroy() }
    },
  ],
  [
    'Drizzle',
    async (url) => {
      const pool = new pg.Pool({ connectionString: url })
      const db = drizzle(pool)
      return { send: (id) => drizzleExample.sendInvoice(db, store, id), close: () => pool.end() }
    },
  ],
])('the example of %s', (_, open) => {
  let opened: Opened
  beforeAll(async () => {
    opened = await open(database.url)
  })
  afterAll(() => opened.close())

  const sent = { type: 'InvoiceSent', data: { amount: 120 } }
  const rows = (id: string) => database.query('select amount from invoices where id = $1', [id])

  it('writes the row and the event', async () => {
    const id = uuidv7()
    await opened.send(id)
    expect(await rows(id)).toEqual([{ amount: '120' }])
    expect(await store.readStream(`invoice-${id}`)).toMatchObject({ events: [sent] })
  })

  it('writes no row if the store refuses the event', async () => {
    const id = uuidv7()
    await store.append(`invoice-${id}`, [sent])
    await expect(opened.send(id)).rejects.toMatchObject({ code: 'wrong-expected-version', actual: 1 })
    expect(await rows(id)).toEqual([])
  })

  it('writes no event if the database refuses the row', async () => {
    const id = uuidv7()
    await database.query('insert into invoices values ($1, 1)', [id])
    await expect(opened.send(id)).rejects.toThrow()
    expect(await store.streamInfo(`invoice-${id}`)).toBeUndefined()
  })
})
