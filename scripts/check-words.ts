/**
 * Refuses phrases that are hard to read in a second language, or that hide who acts: in comments and strings of the
 * code, in SQL, and in the docs. A new phrase is one line of the list.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Phrase {
  /** A regular expression of whole words. A space in it also matches the end of a line of a comment. */
  readonly pattern: string
  /** The words to write instead. */
  readonly hint: string
}

const phrases: readonly Phrase[] = [
  { pattern: 'whoever|whomever', hint: 'name the actor: the caller, the worker, the process' },
  { pattern: 'somebody', hint: 'name the actor: another caller, another process' },
  { pattern: "nobody['’]s", hint: 'name what has no owner: "a lease without an owner"' },
  { pattern: "one['’]s", hint: 'name the owner: "the caller\'s"' },
  { pattern: 'those that|those who', hint: 'repeat the noun: "the events that …"' },
  { pattern: 'whatever (?:is|are|was|were)', hint: 'name the thing: "a server setting"' },
  { pattern: 'what (?:is|was) left of', hint: 'name what remains' },
  { pattern: 'in passing', hint: 'transient, transiently' },
  {
    pattern: '(?:is|are|was|were|be|been|being) told(?! apart)(?: of)?|told of',
    hint: 'say who reports it, or passes it to whom: "onMetric receives each retry"',
  },
  { pattern: '(?:give|gives|gave|given|giving) back', hint: 'return, or release' },
  { pattern: 'anew', hint: 'again; rebuild, reopen, recompute' },
  { pattern: '(?:go|goes|went|gone|going) on with', hint: 'resume, continue' },
  { pattern: '(?:see|sees|saw|seen|seeing) to it', hint: 'ensure' },
  { pattern: 'for good(?! (?:measure|reason|cause))', hint: 'permanently' },
  { pattern: '(?:is|are) to be', hint: 'must be, or will be; better, say who does it' },
  { pattern: '(?:is|are|was|were|be|been) tried again', hint: 'say who retries: "the store retries"' },
  { pattern: 'twice over', hint: 'twice' },
]

// A phrase may continue in the next line, after the mark that begins a line of a comment or of a quotation.
const space = String.raw`(?:[ \t]+|[ \t]*\n[ \t]*(?:(?:\*|//|--|>|#)[ \t]*)?)`
const rules = phrases.map(({ pattern, hint }) => ({
  hint,
  expression: new RegExp(String.raw`\b(?:${pattern.replaceAll(' ', space)})\b`, 'gi'),
}))

// The first two files quote the phrases; `npm run sql` writes the others.
const skipped = /^(scripts\/check-words\.ts|test\/checks\.test\.ts|.*\.generated\.ts|.*\/schema\.sql)$/
const skippedFolders = /^(\..*|node_modules|dist|coverage)$/
const checked = /\.(md|sql|[cm]?[jt]s)$/

/** Returns one line for each phrase in a file: its place, the phrase, and the words to write instead. */
export function checkWords(file: string, text: string): string[] {
  return rules
    .flatMap(({ expression, hint }) =>
      [...text.matchAll(expression)].map(({ 0: found, index }) => ({ found, index, hint })),
    )
    .sort((a, b) => a.index - b.index)
    .map(({ found, index, hint }) => {
      const line = text.slice(0, index).split('\n').length
      return `${file}:${line}: "${found.replace(new RegExp(space, 'g'), ' ')}" - ${hint}`
    })
}

/** Returns the files below a folder whose words are checked. */
export function filesWithWords(folder = ''): string[] {
  return readdirSync(folder || '.', { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return skippedFolders.test(entry.name) ? [] : filesWithWords(path)
    return checked.test(entry.name) && !skipped.test(path) ? [path] : []
  })
}

if (process.argv[1] === import.meta.filename) {
  const files = filesWithWords()
  const findings = files.flatMap((file) => checkWords(file, readFileSync(file, 'utf8')))
  for (const finding of findings) console.error(finding)
  console.log(`words: ${files.length} files, ${findings.length} problems`)
  process.exitCode = findings.length > 0 ? 1 : 0
}
