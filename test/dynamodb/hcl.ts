/**
 * Parses the part of HCL that the Terraform template uses: blocks, maps, texts, numbers and booleans, and references to
 * other resources.
 */

type Value = string | number | boolean | Body | Body[]
/** The lines and blocks of a block; the blocks with one name are a list. */
export interface Body {
  [name: string]: Value
}

/** Returns the resources, by type and name. Throws if a line is not as `terraform fmt` prints it. */
export function parseHcl(text: string): Record<string, Record<string, Body>> {
  const lines = text.split('\n').filter((line) => line !== '')
  const resources: Record<string, Record<string, Body>> = {}
  while (lines.length > 0) {
    const [, type = '', name = ''] = /^resource "(\w+)" "(\w+)" \{$/.exec(lines.shift() as string) ?? []
    if (type === '') throw new Error('expected a resource')
    resources[type] = { ...resources[type], [name]: bodyOf(lines, '  ') }
  }
  return resources
}

function bodyOf(lines: string[], indent: string): Body {
  const body: Body = {}
  for (;;) {
    const line = lines.shift() ?? ''
    if (line === `${indent.slice(2)}}`) return body
    const [, name = '', equals, value = ''] =
      /^((?:\w+|"(?:[^"\\]|\\.)*")) *(= )?(.+)$/.exec(
        line.startsWith(indent) ? line.slice(indent.length) : '',
      ) ?? []
    if (name === '' || name in body !== Array.isArray(body[name])) throw new Error(`cannot parse: ${line}`)
    const key: string = name.startsWith('"') ? JSON.parse(name) : name
    if (/^aws_\w+\.\w+\.\w+$/.test(value)) body[key] = { reference: value }
    else if (value !== '{') body[key] = JSON.parse(value)
    else if (equals !== undefined) body[key] = bodyOf(lines, `${indent}  `)
    else body[key] = [...((body[key] as Body[] | undefined) ?? []), bodyOf(lines, `${indent}  `)]
  }
}
