/** Every event is handled once, however often the partitions, the versions and the owners of a place change. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { isMissing } from '../emulators/start.ts'
import { runs } from '../fuzz/runs.ts'
import { stores } from '../stores.ts'
import { type StoryGround, startDynamo, startMemory, startPGlite, startPostgres } from './storages.ts'
import { playStory, story } from './story.ts'

const isTested = (name: string) => stores.some((store) => store.name === name)

/** The storages, with the number of stories in `npm test`. */
const storages = [
  { name: 'memory', stories: 2_000, start: startMemory },
  { name: 'pglite', stories: 30, start: startPGlite },
  { name: 'pg', stories: 30, start: startPostgres },
  { name: 'dynoxide', stories: 15, start: () => startDynamo('dynoxide') },
  { name: 'dynamodb-local', stories: 15, start: () => startDynamo('dynamodb-local') },
].filter(({ name }) => isTested(name))

describe.each(storages)('on $name', ({ name, stories, start }) => {
  const missing = name.startsWith('dyn') ? isMissing(name as 'dynoxide') : undefined
  let ground: StoryGround
  beforeAll(async () => {
    if (missing === undefined) ground = await start()
  }, 120_000)
  afterAll(() => ground?.end())

  it.skipIf(missing)(
    'handles every event once, and refuses every lost lease',
    { timeout: 300_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(story, (one) => playStory(ground, one)),
        { ...runs(stories), endOnFailure: name !== 'memory' },
      )
    },
  )
})
