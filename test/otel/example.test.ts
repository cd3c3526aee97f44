/** The example of docs/observability.md runs, and prints what the page says. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { run } from '../dynamodb/run-program.ts'

it('the example prints the spans that the page shows', async () => {
  const printed = await run('examples/observability.ts')
  expect(readFileSync('docs/observability.md', 'utf8')).toContain(`\`\`\`\n${printed.trimEnd()}\n\`\`\``)
  expect(printed.split('\n')).toContain('process shipping | parent: - | links: command')
})
