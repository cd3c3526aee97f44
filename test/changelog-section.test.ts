/** The script that the release workflow runs: it lets a tag through, or names what is missing. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts'

const script = fileURLToPath(new URL('../scripts/changelog-section.ts', import.meta.url))

const changelog = `# Changelog

## Unreleased

- Later.

## 1.2.0 (2027-02-01)

The second minor version.

- One thing.

### Breaking

- Another thing.

## 1.2.0-rc.1

- A candidate.

## 1.1.0

## 1.0.0

- The first.
`

let folder: TemporaryFolder

beforeAll(() => {
  folder = temporaryFolder('changelog')
  writeFileSync(join(folder.path, 'CHANGELOG.md'), changelog)
})

afterAll(() => folder.remove())

function run(tag: string, version: string) {
  writeFileSync(join(folder.path, 'package.json'), JSON.stringify({ version }))
  const words = ['--import', import.meta.resolve('tsx'), script, tag]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, {
    cwd: folder.path,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

it.each([
  ['1.2.0', 'The second minor version.\n\n- One thing.\n\n### Breaking\n\n- Another thing.\n'],
  ['1.2.0-rc.1', '- A candidate.\n'],
  ['1.0.0', '- The first.\n'],
])('prints the section of %s', (version, section) => {
  expect(run(`v${version}`, version)).toEqual({ status: 0, stdout: section, stderr: '' })
})

it.each([
  ['v1.2.0', '1.3.0', "The tag is 'v1.2.0', but package.json has the version 1.3.0\n"],
  ['1.2.0', '1.2.0', "The tag is '1.2.0', but package.json has the version 1.2.0\n"],
  ['', '1.2.0', "The tag is '', but package.json has the version 1.2.0\n"],
  ['v1.3.0', '1.3.0', "CHANGELOG.md has no section '## 1.3.0'\n"],
  ['v1.2', '1.2', "CHANGELOG.md has no section '## 1.2'\n"],
  ['v1.1.0', '1.1.0', 'CHANGELOG.md says nothing about 1.1.0\n'],
])('refuses the tag %s of version %s', (tag, version, stderr) => {
  expect(run(tag, version)).toEqual({ status: 1, stdout: '', stderr })
})
