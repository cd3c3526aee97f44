/** Proves that the simulation would notice a mistake in the store: it finds each of many that are made on purpose. */
import { expect, it } from 'vitest'
import { libraryWith, mistakes } from './mistakes.ts'
import { runSchedule } from './schedule.ts'

const mostSchedules = 500

it.each(mistakes)('the simulation finds that $what', { timeout: 1_200_000 }, async (mistake) => {
  const { library, remove } = await libraryWith(mistake)
  try {
    let found: unknown
    for (let seed = 1; seed <= mostSchedules && found === undefined; seed++)
      await runSchedule(seed, library).catch((error: unknown) => {
        found = error
        console.log(`schedule ${seed} finds it: ${String(error).split('\n', 1)}`)
      })
    expect(found).toBeInstanceOf(Error)
  } finally {
    remove()
  }
})
