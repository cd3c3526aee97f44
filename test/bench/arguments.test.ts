/** The arguments of the benchmark: it refuses wrong ones before it starts anything. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

function bench(...args: string[]) {
  const node = ['--conditions=@eventsourced/source', '--import', 'tsx', 'bench/main.ts', ...args]
  return spawnSync(process.execPath, node, { cwd: root, encoding: 'utf8' })
}

it.for([
  ['--case', 'nothing-begins-so'],
  ['--bogus'],
  ['--rounds', '0'],
  ['--rounds', 'many'],
  ['--json', ''],
  ['append'],
])('refuses %j in one line', (args) => {
  const { status, stdout, stderr } = bench(...args)
  expect(status).toBe(2)
  expect(stdout).toBe('')
  expect(stderr.trim().split('\n')).toHaveLength(1)
})

it('lists the cases whose names begin with an argument', () => {
  const { status, stdout } = bench('--list', '--case', 'read', '--case', 'append-b')
  expect(status).toBe(0)
  const names = stdout.split('\n').flatMap((line) => /^\S+/.exec(line)?.[0] ?? [])
  expect(names).toEqual(['append-bulk', 'append-bulk-limit', 'read-stream', 'read-limit'])
})

it('explains its options', () => {
  const { status, stdout } = bench('--help')
  expect(status).toBe(0)
  expect(stdout).toMatch(/^Usage: npm run bench/)
})
