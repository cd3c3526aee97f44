/** A JSON value as lines to show, made one by one, so that a large value costs no more than what is shown of it. */
import type { Change } from '../../../src/console/shapes/stream.ts'
import { digits } from './number.ts'

type Mark = Change['kind']
type TokenKind = 'key' | 'string' | 'digits' | 'word'

interface Token {
  readonly text: string
  /** Without it, punctuation. */
  readonly kind?: TokenKind
}

export interface JsonLine {
  readonly tokens: readonly Token[]
  /** How the line differs from the value before. */
  readonly mark: Mark | undefined
}

export interface JsonExcerpt {
  readonly lines: readonly JsonLine[]
  /** There are more lines, or longer texts. */
  readonly isCut: boolean
}

export interface JsonLimits {
  readonly lines: number
  /** The length of one text. */
  readonly text: number
}

/** Returns the first lines of a value. Lines at and below the path of a change carry its kind as their mark. */
export function jsonExcerpt(
  value: unknown,
  { lines: most, text: longest }: JsonLimits,
  changes: readonly Change[] = [],
): JsonExcerpt {
  const marks = new Map(changes.map(({ path, kind }) => [path, kind]))
  const lines: JsonLine[] = []
  let isCut = false

  const add = (tokens: Token[], mark: Mark | undefined) => {
    if (lines.length < most) lines.push({ tokens, mark })
    else isCut = true
  }
  const write = (item: unknown, path: string, start: Token[], end: Token[], above: Mark | undefined) => {
    if (isCut && lines.length >= most) return
    const mark = above ?? marks.get(path)
    const [open, close, keys] = partsOf(item)
    const length = Array.isArray(item) ? item.length : keys.length
    if (length === 0) {
      const token = open === '' ? scalar(item, longest) : { text: open + close }
      if (token.text.endsWith(cutEnd)) isCut = true
      add([...start, token, ...end], mark)
      return
    }
    const indent = start[0]?.text ?? ''
    add([...start, { text: open }], mark)
    for (let index = 0; index < length && !(isCut && lines.length >= most); index++) {
      const key = Array.isArray(item) ? String(index) : (keys[index] ?? '')
      const name: Token[] = open === '{' ? [{ text: JSON.stringify(key), kind: 'key' }, { text: ': ' }] : []
      const comma: Token[] = index < length - 1 ? [{ text: ',' }] : []
      write(
        (item as Record<string, unknown>)[key],
        `${path}/${escaped(key)}`,
        [{ text: `${indent}  ` }, ...name],
        comma,
        mark,
      )
    }
    add([{ text: indent }, { text: close }, ...end], mark)
  }
  write(value, '', [{ text: '' }], [], undefined)
  return { lines, isCut }
}

const cutEnd = ' characters)'

/** The brackets of an object or a list, and the keys of an object. */
function partsOf(item: unknown): ['{' | '[' | '', '}' | ']' | '', readonly string[]] {
  if (Array.isArray(item)) return ['[', ']', []]
  if (typeof item === 'object' && item !== null) return ['{', '}', Object.keys(item)]
  return ['', '', []]
}

function scalar(item: unknown, longest: number): Token {
  if (typeof item === 'string') {
    const isCut = item.length > longest
    const text = JSON.stringify(isCut ? item.slice(0, longest) : item)
    return { text: isCut ? `${text}… (${digits(item.length)}${cutEnd}` : text, kind: 'string' }
  }
  if (item === undefined) return { text: 'nothing', kind: 'word' }
  return { text: String(item), kind: typeof item === 'number' ? 'digits' : 'word' }
}

/** A key as a part of a JSON pointer (RFC 6901). */
function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
