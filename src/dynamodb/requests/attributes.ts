/** Values and items, in the form of DynamoDB's protocol. */

export type Attribute =
  | { readonly S: string }
  | { readonly N: string }
  | { readonly B: Uint8Array }
  | { readonly BOOL: boolean }

export type Item = Readonly<Record<string, Attribute>>

export const text = (value: string): Attribute => ({ S: value })
export const number = (value: number): Attribute => ({ N: String(value) })
export const bytes = (value: Uint8Array): Attribute => ({ B: value })

export function textOf(item: Item | undefined, name: string): string | undefined {
  const value = item?.[name]
  return value !== undefined && 'S' in value ? value.S : undefined
}

export function numberOf(item: Item | undefined, name: string): number | undefined {
  const value = item?.[name]
  return value !== undefined && 'N' in value ? Number(value.N) : undefined
}

export function isSameAttribute(a: Attribute, b: Attribute | undefined): boolean {
  if (b === undefined) return false
  if ('B' in a) return 'B' in b && Buffer.compare(a.B, b.B) === 0
  return JSON.stringify(a) === JSON.stringify(b)
}

/**
 * The size in bytes that DynamoDB counts: names and values as UTF-8, and half the digits of a number plus two
 * at most.
 */
export function sizeOf(item: Item): number {
  let size = 0
  for (const [name, value] of Object.entries(item)) {
    size += Buffer.byteLength(name)
    if ('S' in value) size += Buffer.byteLength(value.S)
    else if ('N' in value) size += (value.N.length >> 1) + 2
    else if ('B' in value) size += value.B.length
    else size += 1
  }
  return size
}
