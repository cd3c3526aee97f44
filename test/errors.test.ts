/** The list of errors: the codes, the classes, what the package exports, and what the docs say are the same. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ErrorCode, KnownError } from '@eventsourced/core'
import * as core from '@eventsourced/core'
import { describe, expect, it } from 'vitest'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_Claim extends true>() => {}
// Checked by `tsc`: every code belongs to an error of the union, and every error has a code of the list.
holds<Equal<ErrorCode, KnownError['code']>>()

const folder = 'src/errors'
const page = 'docs/errors.md'

interface ErrorClass {
  readonly name: string
  readonly code: string
  readonly fields: readonly string[]
}

const all = (text: string, expression: RegExp) =>
  [...text.matchAll(expression)].map(([, found]) => found ?? '')

const codes = all(readFileSync(join(folder, 'code.ts'), 'utf8'), /^ {2}\| '([^']+)'$/gm)

const classes: readonly ErrorClass[] = readdirSync(folder).flatMap((file) =>
  [
    ...readFileSync(join(folder, file), 'utf8').matchAll(
      /^export class (\w+) extends EventSourcedError \{\n([\s\S]*?)^\}/gm,
    ),
  ].map(([, name = '', body = '']) => {
    const [code = ''] = all(body, /^ {2}readonly code = '([^']+)'$/gm)
    return { name, code, fields: all(body, /^ {2}readonly (\w+)\??: /gm) }
  }),
)

/** The section of each heading of the third level, by the heading; of two with one heading, the last. */
const text = readFileSync(page, 'utf8')
const headings = all(text, /^### (.+)$/gm)
const sections = new Map(
  text
    .split(/^### /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section.split(/^## /m)[0] ?? '']),
)

it('has a class for each code, and a code for each class', () => {
  expect(codes.length).toBeGreaterThan(0)
  expect(classes.map(({ code }) => code).toSorted()).toEqual(codes.toSorted())
})

it('exports every class of an error from the package', () => {
  const exported: Readonly<Record<string, unknown>> = core
  for (const { name } of classes) {
    const error = exported[name]
    expect(error, name).toBeTypeOf('function')
    expect((error as { readonly prototype: unknown }).prototype, name).toBeInstanceOf(core.EventSourcedError)
  }
})

describe(page, () => {
  it('has one section for each code, and no other section', () => {
    expect(headings.toSorted()).toEqual(codes.toSorted())
    expect(new Set(headings).size).toBe(headings.length)
  })

  it('has one row of the table for each code', () => {
    const rows = all(text, /^\| \[`([^`]+)`\]\(#[^)]+\) \|/gm)
    const links = all(text, /^\| \[`[^`]+`\]\(#([^)]+)\) \|/gm)
    expect(rows).toEqual(headings)
    expect(links).toEqual(headings)
  })

  it.each(classes)('says of $name what it carries, what was written, and what to do', (error) => {
    const section = sections.get(error.code) ?? ''
    expect(section).toContain(`\`${error.name}\`: `)
    for (const word of ['When', 'Carries', 'Written', 'Retry', 'Do'])
      expect(section).toContain(`- **${word}**: `)
    for (const field of error.fields) expect(section).toContain(`\`${field}\``)
  })
})
