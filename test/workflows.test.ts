/** What CI runs is what `.ci/run` runs. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')

it('every command of .ci/run has its place in the workflow', () => {
  const commands = [...read('.ci/run').matchAll(/^ *(?:step|tests) (npm .*)$/gm)].map(
    ([, command]) => command,
  )
  const listed = [...read('.github/workflows/ci.yml').matchAll(/^ +- (?:run: )?(npm .*)$/gm)].map(
    ([, command]) => command,
  )
  expect(commands).toContain('npm run test:faults')
  expect([...new Set(listed)].sort()).toEqual([...new Set(commands)].sort())
})
