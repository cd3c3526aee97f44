/** The transactions of the ORMs, as the drivers that the cases of `inTransaction` run on. */
import { fromKnex, fromMikroOrm, fromPrisma, fromTypeOrm } from '@eventsourced/core/postgres'
import { type IsolationLevel, EntitySchema as MikroEntity, MikroORM } from '@mikro-orm/core'
import { type EntityManager as MikroManager, PostgreSqlDriver } from '@mikro-orm/postgresql'
import { PrismaPg } from '@prisma/adapter-pg'
import knexOn, { type Knex } from 'knex'
import { DataSource, type EntityManager, type QueryRunner } from 'typeorm'
import { DataSource as DataSource03, type QueryRunner as QueryRunner03 } from 'typeorm-0.3'
import type { Isolation, OpenDriver, UserTransaction } from '../postgres/transaction-drivers.ts'
import { type Prisma, PrismaClient } from './generated/prisma/client.ts'

/** Prisma ends a transaction after 5 s otherwise, and a loaded machine may need longer for a test. */
const timeout = 60_000

const prismaLevels = {
  'read committed': 'ReadCommitted',
  'repeatable read': 'RepeatableRead',
  serializable: 'Serializable',
} as const

const upperCase = (isolation: Isolation) => isolation.toUpperCase() as Uppercase<Isolation>

function inPrisma(tx: Prisma.TransactionClient): UserTransaction {
  return {
    handle: fromPrisma(tx),
    run: (statement) => tx.$executeRawUnsafe(statement),
    nested: (work) => tx.$transaction((inner) => work(inPrisma(inner))),
  }
}

function inKnex(trx: Knex.Transaction): UserTransaction {
  return {
    handle: fromKnex(trx),
    // Knex sends a query only once it is awaited.
    run: async (statement) => trx.raw(statement),
    nested: (work) => trx.transaction((inner) => work(inKnex(inner))),
  }
}

function inRunner(runner: QueryRunner | QueryRunner03): UserTransaction {
  return {
    handle: fromTypeOrm(runner),
    run: (statement) => runner.query(statement),
    async nested(work) {
      await runner.startTransaction()
      try {
        await work(inRunner(runner))
        await runner.commitTransaction()
      } catch (error) {
        await runner.rollbackTransaction()
        throw error
      }
    },
  }
}

function inManager(manager: EntityManager): UserTransaction {
  return {
    handle: fromTypeOrm(manager),
    run: (statement) => manager.query(statement),
    nested: (work) => manager.transaction((inner) => work(inManager(inner))),
  }
}

function inMikroOrm(em: MikroManager): UserTransaction {
  return {
    handle: fromMikroOrm(em),
    run: (statement) => em.getConnection().execute(statement, [], 'run', em.getTransactionContext()),
    nested: (work) => em.transactional((inner) => work(inMikroOrm(inner))),
  }
}

/** MikroORM demands at least one entity. */
const invoice = new MikroEntity<{ id: string; amount: number }>({
  name: 'Invoice',
  tableName: 'invoices',
  properties: { id: { type: 'uuid', primary: true }, amount: { type: 'bigint' } },
})

export function openMikroOrm(url: string): Promise<MikroORM<PostgreSqlDriver, MikroManager>> {
  return MikroORM.init<PostgreSqlDriver, MikroManager>({
    driver: PostgreSqlDriver,
    clientUrl: url,
    entities: [invoice],
  })
}

export const orms: Readonly<Record<string, OpenDriver>> = {
  'Prisma 7': async (url) => {
    const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) })
    return {
      connection: url,
      transact: (isolation, work) =>
        prisma.$transaction((tx) => work(inPrisma(tx)), {
          isolationLevel: prismaLevels[isolation],
          timeout,
        }),
      close: () => prisma.$disconnect(),
    }
  },

  Knex: async (url) => {
    const knex = knexOn({ client: 'pg', connection: url })
    return {
      connection: url,
      transact: (isolationLevel, work) =>
        knex.transaction((trx) => work(inKnex(trx)), { isolationLevel }) as ReturnType<typeof work>,
      close: () => knex.destroy(),
    }
  },

  'TypeORM, an EntityManager': async (url) => {
    const source = await new DataSource({ type: 'postgres', url }).initialize()
    return {
      connection: url,
      transact: (isolation, work) =>
        source.transaction(upperCase(isolation), (manager) => work(inManager(manager))),
      close: () => source.destroy(),
    }
  },

  'TypeORM, a QueryRunner': async (url) => {
    const source = await new DataSource({ type: 'postgres', url }).initialize()
    return {
      connection: url,
      transact: (isolation, work) => onRunner(source.createQueryRunner(), isolation, work),
      close: () => source.destroy(),
    }
  },

  'TypeORM 0.3': async (url) => {
    const source = await new DataSource03({ type: 'postgres', url }).initialize()
    return {
      connection: url,
      transact: (isolation, work) => onRunner(source.createQueryRunner(), isolation, work),
      close: () => source.destroy(),
    }
  },

  'MikroORM 6': async (url) => {
    const orm = await openMikroOrm(url)
    return {
      connection: url,
      transact: (isolation, work) =>
        orm.em.fork().transactional((em) => work(inMikroOrm(em)), {
          isolationLevel: isolation as IsolationLevel,
        }),
      close: () => orm.close(),
    }
  },
}

async function onRunner<T>(
  runner: QueryRunner | QueryRunner03,
  isolation: Isolation,
  work: (transaction: UserTransaction) => Promise<T>,
): Promise<T> {
  try {
    await runner.startTransaction(upperCase(isolation))
    const result = await work(inRunner(runner))
    await runner.commitTransaction()
    return result
  } catch (error) {
    await runner.rollbackTransaction().catch(() => {})
    throw error
  } finally {
    await runner.release()
  }
}
