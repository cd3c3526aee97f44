/**
 * Prints the section of the changelog that belongs to a tag, without its heading: the text of a GitHub release.
 * Fails if the tag is not the version of package.json, or if the section is missing or empty.
 */
import { readFileSync } from 'node:fs'

const tag = process.argv[2] ?? ''
const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
if (tag !== `v${version}`) fail(`The tag is '${tag}', but package.json has the version ${version}`)

// A heading is '## 1.2.3', and may go on, with a date.
const sections = readFileSync('CHANGELOG.md', 'utf8').split(/^## /m).slice(1)
const section = sections.find((one) => /^\S*/.exec(one)?.[0] === version)
if (section === undefined) fail(`CHANGELOG.md has no section '## ${version}'`)

const text = section.replace(/^.*\n?/, '').trim()
if (text === '') fail(`CHANGELOG.md says nothing about ${version}`)
console.log(text)

function fail(reason: string): never {
  console.error(reason)
  process.exit(1)
}
