/** The types of the ORMs: which of their objects the bridges accept. `tsc` checks this file; it never runs. */
import { fromKnex, fromMikroOrm, fromPrisma, fromTypeOrm, postgresStore } from '@eventsourced/core/postgres'
import type { MikroORM } from '@mikro-orm/core'
import type { EntityManager as MikroManager } from '@mikro-orm/postgresql'
import type { Knex } from 'knex'
import type { DataSource, EntityManager, QueryRunner } from 'typeorm'
import type { EntityManager as EntityManager03, QueryRunner as QueryRunner03 } from 'typeorm-0.3'
import type { PrismaClient } from './generated/prisma/client.ts'

const store = postgresStore('postgres://localhost')

declare const prisma: PrismaClient
prisma.$transaction(async (tx) => store.inTransaction(fromPrisma(tx)))
const logging = prisma.$extends({ name: 'logging' })
logging.$transaction(async (tx) => store.inTransaction(fromPrisma(tx)))
// @ts-expect-error a whole client
fromPrisma(prisma)
// @ts-expect-error a list of queries is no interactive transaction
fromPrisma([prisma.invoice.findMany()])

declare const knex: Knex
declare const typedKnex: Knex<{ id: number }, unknown[]>
knex.transaction(async (trx) => store.inTransaction(fromKnex(trx)))
typedKnex.transaction(async (trx) => store.inTransaction(fromKnex(trx)))
knex.transaction().then((trx) => store.inTransaction(fromKnex(trx)))
// @ts-expect-error no transaction
fromKnex(knex)
// @ts-expect-error it makes a transaction when it is called
fromKnex(knex.transactionProvider())

declare const dataSource: DataSource
declare const queryRunner: QueryRunner
declare const queryRunner03: QueryRunner03
declare const manager03: EntityManager03
dataSource.transaction(async (manager: EntityManager) => store.inTransaction(fromTypeOrm(manager)))
store.inTransaction(fromTypeOrm(queryRunner))
store.inTransaction(fromTypeOrm(queryRunner03))
store.inTransaction(fromTypeOrm(manager03))
// @ts-expect-error a whole DataSource
fromTypeOrm(dataSource)

declare const orm: MikroORM
declare const em: MikroManager
em.transactional(async (inner) => store.inTransaction(fromMikroOrm(inner)))
orm.em.transactional(async (inner) => store.inTransaction(fromMikroOrm(inner)))
// @ts-expect-error a whole MikroORM
fromMikroOrm(orm)

// @ts-expect-error a transaction of an ORM needs its bridge
knex.transaction(async (trx) => store.inTransaction(trx))
