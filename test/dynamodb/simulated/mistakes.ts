/** Mistakes on purpose: alterations of the store's sources that the simulation must notice. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { temporaryFolder } from '../../temporary-folder.ts'
import type { Library } from './library.ts'

interface Mistake {
  readonly what: string
  /** In `src/dynamodb`. */
  readonly file: string
  /** Text that occurs once in the file, and what replaces it. */
  readonly from: string
  readonly to: string
}

export const mistakes: readonly Mistake[] = [
  {
    what: 'a reader seals a slot though its writer has used it',
    file: 'log/slots.ts',
    from: '{ Item: sealedItem(slot), ...mustNotExist }',
    to: '{ Item: sealedItem(slot) }',
  },
  {
    what: 'an append uses its slot though a reader has sealed it',
    file: 'appends/commit-plan.ts',
    from: "const put = { TableName: tables.log, Item: item, ConditionExpression: 'attribute_not_exists(p)' }",
    to: 'const put = { TableName: tables.log, Item: item }',
  },
  {
    what: 'an append uses a slot that it took before it knew the end of the stream',
    file: 'log/slots.ts',
    from: '    return { number: counter.slot, first: counter.position - count + 1, counter }',
    to: `    const taken = { number: counter.slot, first: counter.position - count + 1, counter, count }
    const spare = this as unknown as { before?: typeof taken }
    const before = spare.before
    spare.before = taken
    if (before !== undefined && before.count === count) return before
    return this.take(count, signal)`,
  },
  {
    what: 'an append does not check that the next version of the stream is free',
    file: 'appends/commit-plan.ts',
    from: '...(part === 0 && mustNotExist),',
    to: '',
  },
  {
    what: 'an append whose answer was lost is repeated',
    file: 'appends/commit.ts',
    from: 'isUsed = failures === undefined || plan.isDone(failures)',
    to: 'isUsed = failures === undefined',
  },
  {
    what: 'a second event with the same id is accepted',
    file: 'appends/id-item.ts',
    from: ".join(' AND '),",
    to: ".slice(0, 0).join(' AND ') || 'attribute_not_exists(none)',",
  },
  {
    what: 'a follower passes a missing slot',
    file: 'log/gaps.ts',
    from: '    const gap = firstMissing(found, start)\n    if (gap > end) {',
    to: '    const gap = firstMissing(found, start)\n    if (found.length > 0 || gap > end) {',
  },
  {
    what: 'the search for a position begins one slot too late',
    file: 'log/slot-search.ts',
    from: 'slot: await this.#firstSlot(({ first }) => first <= position, signal)',
    to: 'slot: 1 + (await this.#firstSlot(({ first }) => first <= position, signal))',
  },
  {
    what: 'a page that ends before a missing slot remembers the slot after it',
    file: 'log/log.ts',
    from: '          this.#search.remember(through, { slot, slots: [] })\n          return { events, bytes, through, full: true }',
    to: '          this.#search.remember(through, { slot: slot + 1, slots: [] })\n          return { events, bytes, through, full: true }',
  },
  {
    what: 'a page that ends within a slot forgets the rest of the slot',
    file: 'log/log.ts',
    from: 'found.findIndex((one) => lastPositionIn(one) >= through)',
    to: 'Math.max(0, found.findIndex((one) => one.first > through))',
  },
  {
    what: 'a page up to a position within a slot is remembered as the end of the slot',
    file: 'log/log.ts',
    from: 'found.some((one) => lastPositionIn(one) >= until)',
    to: 'found.some((one) => one.first > until)',
  },
  {
    what: 'a page up to a position loses a slot that it has read after the position',
    file: 'log/log.ts',
    from: 'slots: found.slice(at + 1)',
    to: 'slots: found.slice(at + 2)',
  },
  {
    what: 'the search takes the first slot of a block that it sees for the first one of the block',
    file: 'log/slot-search.ts',
    from: 'found.slice(0, firstMissing(found, start) - start).find(',
    to: 'found.find(',
  },
  {
    what: 'a page that must not lag reads the counter as it was a moment ago',
    file: 'log/log.ts',
    from: 'mayLag ? undefined : this.#slots.counter(signal)',
    to: 'mayLag ? undefined : this.#slots.counter(signal, { consistent: false })',
  },
  {
    what: 'the last position is read from slots as they were a moment ago',
    file: 'log/log.ts',
    from: 'this.#reads.read(start, end, { consistent: true }, signal)',
    to: 'this.#reads.read(start, end, { consistent: false }, signal)',
  },
  {
    what: 'a page leaves events out that it does not see yet',
    file: 'log/hydration.ts',
    from: 'for (let reads = 0; missing.size > 0; reads++) {',
    to: 'for (let reads = 0; missing.size > 0 && reads < 1; reads++) {',
  },
  {
    what: 'an append with an earlier slot changes a document after one with a later slot',
    file: 'documents/transaction.ts',
    from: "(numberOf(item, 'g') ?? 0) > this.#appendsAt",
    to: "(numberOf(item, 'g') ?? 0) < 0",
  },
  {
    what: 'an append that reads a document does not prevent that an earlier one changes it',
    file: 'documents/documents.ts',
    from: 'UpdateExpression: `SET g = :g$',
    to: 'UpdateExpression: `SET lost = :g$',
  },
  {
    what: 'an append does not notice that a document has changed since it was read',
    file: 'documents/documents.ts',
    from: "return { expression: 'w = :was', values: { ':was': item.w as Attribute } }",
    to: "return { expression: 'w >= :was', values: { ':was': item.w as Attribute } }",
  },
]

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Returns the text of a file with a mistake. */
export function altered({ file, from, to }: Mistake): string {
  const text = readFileSync(source(`../../../src/dynamodb/${file}`), 'utf8')
  const count = text.split(from).length - 1
  if (count !== 1) throw new Error(`${file} has ${count} times the text '${from}': adapt the mistake to it`)
  return text.replace(from, () => to)
}

/** Returns the library with a mistake. The caller removes the bundle when it does not need it any more. */
export async function libraryWith(mistake: Mistake): Promise<{ library: Library; remove(): void }> {
  const contents = altered(mistake)
  const alter: Plugin = {
    name: 'alter',
    setup({ onLoad }) {
      const filter = new RegExp(`src/dynamodb/${mistake.file.replace('.', '\\.')}$`)
      onLoad({ filter }, () => ({ contents, loader: 'ts' }))
    },
  }
  const folder = temporaryFolder('mistake')
  const { outputFiles } = await build({
    entryPoints: [source('library.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    external: ['@aws-sdk/client-dynamodb'],
    plugins: [alter],
    logLevel: 'silent',
  })
  const bundle = join(folder.path, 'library.mjs')
  writeFileSync(bundle, outputFiles[0]?.contents as Uint8Array)
  const { library } = (await import(pathToFileURL(bundle).href)) as { library: Library }
  return { library, remove: () => folder.remove() }
}
