/**
 * The example of AWS Lambda on Postgres, as processes that are frozen and thawed as Lambda does it: between two calls, and
 * within one. Meanwhile the server ends the connections of the frozen process.
 */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { postgresStore } from '../../src/postgres/index.ts'
import { sleep } from '../../src/runtime/abort.ts'
import { type Program, startProgram } from '../child-program.ts'
import { type FreshDatabase, freshDatabase } from '../postgres/fresh-database.ts'
import type { Answer, Invocation } from '../postgres/programs/lambda-function.ts'

const rounds = Number(process.env.ROUNDS ?? 1)
const program = new URL('../postgres/programs/lambda-function.ts', import.meta.url)

let database: FreshDatabase
const functions: Program[] = []

beforeEach(async () => {
  database = await freshDatabase()
  const store = postgresStore(database.url, { onWarning() {} })
  await store.schema.create()
  await store.close()
  await database.query('create table mails (order_id text, item text)')
})

afterEach(async () => {
  await Promise.all(functions.splice(0).map((one) => one.kill()))
  await database.drop()
})

function start(): Program {
  const one = startProgram(program, database.url)
  functions.push(one)
  return one
}

function call(one: Program, invocation: Invocation): Promise<Answer> {
  one.tell(invocation)
  return one.said<Answer>()
}

const place = (nth: number): Invocation => ({
  name: 'place',
  request: { orderId: `order-${nth}`, item: 'tea', requestId: `request-${nth}` },
})
const mails: Invocation = { name: 'mails', time: 30_000 }
const freeze = ({ pid }: Program) => process.kill(pid, 'SIGSTOP')
const thaw = ({ pid }: Program) => process.kill(pid, 'SIGCONT')

/** Ends the server processes of the functions' connections, as a server does that waits for its client for too long. */
const endConnections = () =>
  database.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`)

const placed = () =>
  database.query<{ stream_id: string }>(
    'select stream_id from eventsourced.recorded_events order by stream_id collate "C"',
  )
const mailed = () => database.query('select order_id from mails order by order_id collate "C"')
const ordersUpTo = (count: number) => Array.from({ length: count }, (_, index) => `order-${index + 1}`).sort()

it('the next call after a frozen pause works, although the server has ended the connections', async () => {
  const one = start()
  let orders = 0
  for (let round = 1; round <= 2 * rounds; round++) {
    for (let nth = 1; nth <= 3; nth++) {
      orders++
      expect(await call(one, place(orders))).toEqual({ result: { orderId: `order-${orders}`, version: 1 } })
    }
    expect(await call(one, mails)).toEqual({ result: { handled: 3 } })
    freeze(one)
    await endConnections()
    // Longer than an idle connection stays in the pool.
    await sleep(round % 2 === 0 ? 11_000 : 200)
    thaw(one)
  }
  expect(await call(one, place(orders))).toEqual({ result: { orderId: `order-${orders}`, version: 1 } })
  expect((await placed()).map(({ stream_id }) => stream_id)).toEqual(ordersUpTo(orders))
  expect((await mailed()).map(({ order_id }) => order_id)).toEqual(ordersUpTo(orders))
}, 180_000)

it('a call that is frozen in the middle ends with its result after the pause, and appends once', async () => {
  const one = start()
  const count = 20 * rounds
  for (let nth = 1; nth <= count; nth++) {
    one.tell(place(nth))
    await sleep((nth % 10) / 2)
    freeze(one)
    await endConnections()
    await sleep(50)
    thaw(one)
    expect(await one.said<Answer>()).toEqual({ result: { orderId: `order-${nth}`, version: 1 } })
  }
  expect((await placed()).map(({ stream_id }) => stream_id)).toEqual(ordersUpTo(count))
}, 180_000)

it('a call that is frozen while it handles events loses its lease to another call, and nothing is handled twice', async () => {
  const [one, other] = [start(), start()]
  const count = 400
  for (let nth = 1; nth <= count; nth++) await call(other, place(nth))
  one.tell(mails)
  await expect.poll(async () => (await mailed()).length, { interval: 1 }).toBeGreaterThan(0)
  freeze(one)
  await endConnections()
  const beforeThaw = (await mailed()).length
  expect(beforeThaw).toBeLessThan(count)
  // It waits until the lease of the frozen one has ended.
  expect(await call(other, mails)).toEqual({ result: { handled: count - beforeThaw } })
  thaw(one)
  // Others have handled the rest, so the call is not behind.
  expect(await one.said<Answer>()).toMatchObject({ result: {} })
  expect((await mailed()).map(({ order_id }) => order_id)).toEqual(ordersUpTo(count))
  expect(await call(one, place(count + 1))).toMatchObject({ result: { version: 1 } })
  expect(await call(one, mails)).toEqual({ result: { handled: 1 } })
}, 180_000)
