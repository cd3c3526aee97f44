/** The SQL of an inline projection in a transaction of an ORM: its values, and how its errors come out. */
import { projection, type RecordedEvent, uuidv7 } from '@eventsourced/core'
import { fromPrisma, fromTypeOrm, postgresStore, type SqlTransaction } from '@eventsourced/core/postgres'
import { PrismaPg } from '@prisma/adapter-pg'
import { DataSource } from 'typeorm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { counted } from '../../src/conformance/events.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'
import { PrismaClient } from './generated/prisma/client.ts'
import { orms } from './orm-drivers.ts'

let database: FreshDatabase

beforeAll(async () => {
  database = await freshDatabase()
  await database.query('create table moments (id uuid constraint one_moment primary key, at timestamptz)')
})

afterAll(() => database.drop())

const at = new Date('2026-07-01T12:34:56.789Z')

/** Runs this SQL as an inline projection of an append, in a transaction of the ORM. Returns its rows. */
async function runIn(orm: keyof typeof orms, sql: string, values: unknown[]): Promise<unknown[]> {
  let rows: unknown[] = []
  const running = projection({
    name: 'running',
    async handle(_events: readonly RecordedEvent[], tx: SqlTransaction) {
      rows = await tx.query(sql, values)
    },
  })
  const driver = await orms[orm]?.(database.url)
  if (driver === undefined) throw new Error(`there is no ${orm}`)
  const store = postgresStore(database.url, { schema: `running_${uuidv7().slice(-12)}`, inline: [running] })
  try {
    await store.schema.create()
    await driver.transact('read committed', async (transaction) => {
      await transaction.run(`set local time zone 'Asia/Tokyo'`)
      await store.inTransaction(transaction.handle).append('a', counted(1))
    })
  } finally {
    await store.close()
    await driver.close()
  }
  return rows
}

describe.each(Object.keys(orms))('with %s', (orm) => {
  it('a time is the same instant in a session of another time zone', async () => {
    const id = uuidv7()
    await runIn(orm, 'insert into moments values ($1, $2)', [id, at])
    await runIn(orm, 'insert into moments select gen_random_uuid(), unnest($1::timestamptz[])', [[at, at]])
    expect(await database.query('select at from moments where at <> $1', [at])).toEqual([])
    expect(await database.query('select at from moments where id = $1', [id])).toEqual([{ at }])
  })

  it('an error has the SQLSTATE and the constraint of the server', async () => {
    const id = uuidv7()
    await database.query('insert into moments values ($1, $2)', [id, at])
    await expect(runIn(orm, 'insert into moments values ($1, now())', [id])).rejects.toMatchObject({
      code: '23505',
      constraint: 'one_moment',
      severity: 'ERROR',
    })
  })

  it('a column of type timestamptz comes as a Date, and with MikroORM as text', async () => {
    const [row] = await runIn(orm, 'select now() as now', [])
    expect(row).toEqual({ now: orm.startsWith('MikroORM') ? expect.any(String) : expect.any(Date) })
  })
})

it('with Prisma, a column that Prisma cannot read is an error of the projection, and no lost connection', async () => {
  await expect(runIn('Prisma 7', 'select pg_sleep(0)', [])).rejects.toMatchObject({
    name: 'TypeError',
    cause: { code: 'P2010' },
  })
})

it('an extended client of Prisma makes transactions, too', async () => {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: database.url }) })
  const store = postgresStore(database.url)
  await store.schema.create()
  const extended = prisma.$extends({ name: 'extended' })
  await extended.$transaction((tx) => store.inTransaction(fromPrisma(tx)).append('extended', counted(1)))
  expect(() => fromPrisma(extended as never)).toThrow(expect.objectContaining({ code: 'invalid-input' }))
  expect(await store.streamInfo('extended')).toMatchObject({ version: 1 })
  await Promise.all([prisma.$disconnect(), store.close()])
})

it('with TypeORM, an error does not carry the parameters of the statement', async () => {
  const source = await new DataSource({ type: 'postgres', url: database.url }).initialize()
  const store = postgresStore(database.url, { schema: 'payloads' })
  await store.append('a', counted(1))
  await database.query('alter table payloads.events add check (type <> $$Secret$$)')
  const refused = source.transaction((manager) =>
    store.inTransaction(fromTypeOrm(manager)).append('a', [{ type: 'Secret', data: { word: 'sesame' } }]),
  )
  const error = await refused.catch((error: unknown) => error)
  expect(error).toMatchObject({ code: 'storage-failed', cause: { code: '23514' } })
  expect((error as Error).cause).not.toHaveProperty('parameters')
  await Promise.all([source.destroy(), store.close()])
})
