/**
 * Random schedules of processes that append to and read one log of DynamoDB, in virtual time and with all faults of the
 * service. As many as fit into 20 s. `SCHEDULES=5000` runs that many, and `SEED=17` repeats one.
 */
import { expect, it } from 'vitest'
import { library } from './library.ts'
import { altered, mistakes } from './mistakes.ts'
import { type Report, runSchedule } from './schedule.ts'

const { SCHEDULES, SEED } = process.env
const timeForSchedules = 20_000
const most = SEED === undefined ? Number(SCHEDULES ?? Number.POSITIVE_INFINITY) : 1
const isTimed = SEED === undefined && SCHEDULES === undefined

it('loses, doubles, hides and reorders nothing in random schedules', {
  timeout: isTimed ? 60_000 : 0,
}, async () => {
  const first = Number(SEED ?? Math.floor(Math.random() * 1_000_000_000))
  const end = performance.now() + timeForSchedules
  const sums = new Map<keyof Report, number>()
  let schedules = 0
  for (; schedules < most && (!isTimed || performance.now() < end); schedules++) {
    const seed = first + schedules
    const report = await runSchedule(seed, library).catch((error: unknown) => {
      throw new Error(`SEED=${seed} repeats this schedule`, { cause: error })
    })
    for (const [name, count] of Object.entries(report) as [keyof Report, number][])
      sums.set(name, (sums.get(name) ?? 0) + count)
  }
  console.log(`${schedules} schedules from seed ${first}: ${JSON.stringify(Object.fromEntries(sums))}`)
  expect(sums.get('events')).toBeGreaterThan(0)
})

it('repeats a schedule from its seed', async () => {
  const [one, again] = [await runSchedule(7, library), await runSchedule(7, library)]
  expect(again).toEqual(one)
})

it('can be proved: the sources have the text that each mistake on purpose alters', () => {
  for (const mistake of mistakes) expect(altered(mistake)).toContain(mistake.to)
})
