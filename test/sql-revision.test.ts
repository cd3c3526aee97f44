/** The SQL of a released revision cannot change unnoticed: `npm run sql` and `npm run check:sql` refuse it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { revisionProblem } from '../scripts/sql-revision.ts'
import { AlteredSources } from './altered-sources.ts'

describe('the SQL of a released revision', () => {
  let sources: AlteredSources

  beforeEach(() => {
    sources = new AlteredSources()
  })

  afterEach(() => sources.remove())

  it.each(['functions/frontier.sql', 'views/views.sql', 'migrations/0001_streams_and_events.sql'])(
    'cannot change without a new revision: %s',
    async (file) => {
      await sources.compile('--release')
      await sources.compile('--check')
      const { revision, released } = sources.revision
      expect(Object.keys(released)).toContain(String(revision))
      sources.alter(file, (text) => text.replace(/$/, '-- changed\n'))
      for (const words of [[], ['--check'], ['--release']]) {
        await expect(sources.compile(...words)).rejects.toThrow(
          `revision ${revision} is released, and the SQL or \`servesFrom\` differs from it: set \`revision\` to ${revision + 1}`,
        )
      }
      sources.revision = { ...sources.revision, revision: revision + 1 }
      await sources.compile('--release')
      expect(sources.revision.released).toEqual({ ...released, [revision + 1]: expect.any(String) })
    },
  )

  it('cannot serve other libraries without a new revision', async () => {
    sources.revision = { ...sources.revision, revision: 5, servesFrom: 2 }
    await sources.compile('--release')
    sources.revision = { ...sources.revision, servesFrom: 1 }
    await expect(sources.compile()).rejects.toThrow('revision 5 is released')
  })
})

it.each([
  [{ revision: 0, servesFrom: 1 }, '`revision` must be a whole number from 1 on'],
  [{ revision: 2, servesFrom: 0.5 }, '`servesFrom` must be a whole number from 1 on'],
  [{ revision: 2, servesFrom: 3 }, '`servesFrom` must not exceed `revision` (2)'],
  [{ revision: 2, servesFrom: 1, released: { 9: 'a', 10: 'b' } }, '`revision` must not be less than 10'],
  [{ revision: 2, servesFrom: 1, released: { 2: 'a' } }, 'set `revision` to 3'],
])('the revision %j is refused', (file, problem) => {
  expect(revisionProblem({ released: {}, ...file }, 'checksum')).toContain(problem)
})
