/**
 * Tests functions that a real stream starts: no schedule and no poll wakes them up, and no wake-up is lost, also if calls
 * fail, functions are killed, and several run at once.
 */
import { cloudFormation } from '@eventsourced/core/dynamodb/templates'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sleep } from '../../../src/runtime/abort.ts'
import { type Program, startProgram } from '../../child-program.ts'
import { rounds } from '../../rounds.ts'
import { emulators, type Ground, startGround } from '../ground.ts'
import type { Answer, Invocation } from '../programs/lambda-function.ts'
import { seenAndStored } from '../seen.ts'
import { type DriverOptions, driveStream, type StreamDriver } from '../stream-driver.ts'
import { createTablesOf } from '../template-tables.ts'

const streams = 5
const partitions = 3
const leaseTime = 1_500

type Driving = Pick<DriverOptions, 'parallelization' | 'invoke'> & { readonly batchSize?: number }

describe.each(emulators)('functions that a stream starts on %s', (emulator) => {
  let ground: Ground
  const programs: Program[] = []
  const drivers: StreamDriver[] = []
  beforeAll(async () => {
    ground = await startGround(emulator)
  })
  afterAll(async () => {
    await Promise.all(drivers.map((driver) => driver.stop()))
    await Promise.all(programs.map((program) => program.kill()))
    await ground?.end()
  })

  async function open() {
    const table = ground.table()
    const options = { table, stream: { function: 'seen' } }
    await createTablesOf(options, ground.admin)
    const { store } = ground.open(table, { gapTimeout: 200, autoCreate: false })
    await store.schema.create()
    const start = (name: 'writer' | 'lambda-function', ...words: readonly number[]) => {
      const program = startProgram(
        new URL(`../programs/${name}.ts`, import.meta.url),
        ...[ground.endpoint, table, ...words.map(String)],
      )
      programs.push(program)
      return program
    }
    const startFunction = () => start('lambda-function', partitions, leaseTime)
    const drive = ({ batchSize, ...more }: Driving) => {
      const { Properties } = JSON.parse(cloudFormation(options)).Resources.LogStream
      const mapping = { ...Properties, ...(batchSize !== undefined && { BatchSize: batchSize }) }
      const driver = driveStream({ admin: ground.admin, endpoint: ground.endpoint, table, mapping, ...more })
      drivers.push(driver)
      return driver
    }
    /** Appends from two other processes, and kills them. Returns how many appends were acknowledged. */
    const append = async (least: number) => {
      const writers = [start('writer', streams), start('writer', streams)]
      let appended = 0
      const count = async (writer: Program) => {
        for (;;) {
          await writer.said()
          appended++
        }
      }
      const counting = writers.map((writer) => count(writer).catch(() => {}))
      while (appended < least && writers.every(({ isRunning }) => isRunning)) await sleep(20)
      await Promise.all(writers.map((writer) => writer.kill()))
      await Promise.all(counting)
      return appended
    }
    /** Each event was handled once, in the order of its stream, and the subscription is at the end. */
    const check = async (appended: number) => {
      const { seen, stored } = await seenAndStored(store)
      expect(seen).toEqual(stored)
      const events = Object.values(stored).reduce((sum, { count }) => sum + count, 0)
      expect(events).toBeGreaterThanOrEqual(appended)
      expect(await store.subscriptionStatus('seen')).toMatchObject({ lag: 0, owners: [], parked: 0 })
    }
    return { startFunction, drive, append, check }
  }

  async function call(one: Program, invocation: Invocation): Promise<void> {
    one.tell(invocation)
    const { code, failures } = await one.said<Answer>()
    if (code !== null) throw new Error(`${code}: ${failures.join()}`)
  }

  it('handle every event once, and end at the end of the log', async () => {
    const { startFunction, drive, append, check } = await open()
    const one = startFunction()
    let calls = 0
    const driver = drive({
      parallelization: 1,
      invoke: (Records) => {
        calls++
        return call(one, { event: { Records }, time: 20_000 })
      },
    })
    for (let round = 0, appended = 0; round < 2; round++) {
      appended += await append(100)
      await driver.atRest()
      await check(appended)
    }
    expect(driver.failures).toBe(0)
    // The table also has the records of the counter, of checkpoints, of heartbeats and of documents.
    expect(driver.records).toBeGreaterThan(2 * driver.passed)
    expect(calls).toBeLessThanOrEqual(driver.passed)
    const { records, passed } = driver
    await sleep(2_000)
    await driver.atRest()
    // It does not wake up itself.
    expect([driver.records, driver.passed]).toEqual([records, passed])
  }, 180_000)

  it('lose no wake-up when calls fail, are killed, and run side by side', async () => {
    const { startFunction, drive, append, check } = await open()
    const parallelization = 3
    const functions = Array.from({ length: parallelization }, startFunction)
    const tried = new Set<object>()
    let nth = 0
    let kills = 0
    const driver = drive({
      parallelization,
      batchSize: 20,
      async invoke(Records, lane) {
        nth++
        const one = functions[lane] as Program
        const event = { Records }
        if (nth % 11 === 7) {
          // It may also find nothing to do.
          one.tell({ event, time: 20_000, mistake: 'hang' } satisfies Invocation)
          await Promise.race([one.said(), sleep(3_000)])
          await one.kill()
          kills++
          functions[lane] = startFunction()
          throw new Error('it was killed at its timeout')
        }
        const isFirst = !tried.has(Records)
        tried.add(Records)
        await call(one, { event, time: 4_000, mistake: isFirst ? 'fail' : undefined })
      },
    })
    let appended = 0
    for (let round = 0; round < rounds; round++) {
      appended += await append(200)
      await driver.atRest()
      await check(appended)
    }
    expect(kills).toBeGreaterThan(0)
    expect(driver.failures).toBeGreaterThan(kills)
  }, 600_000)
})
