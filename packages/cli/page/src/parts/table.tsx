/** A list of rows with a link to the next page. On a narrow screen, each row becomes a card. */
import type { ComponentChildren } from 'preact'

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => ComponentChildren
  /** Aligned to the right, with digits of equal width. */
  readonly isNumber?: boolean
  /** Names and ids, which need some width before they are broken into lines. */
  readonly isName?: boolean
  /** Names the row, for screen readers and on cards. */
  readonly isHeader?: boolean
}

interface TableProps<Row> {
  /** Names the table for screen readers. */
  readonly label: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string | number
  /** Shown instead of an empty table. */
  readonly empty: string
  /** The address of the next page. */
  readonly next?: string | undefined
  /** The words of the link to the next page. @default 'Next page' */
  readonly nextTitle?: string | undefined
  /** The address of the first page, unless it is shown. */
  readonly first?: string | undefined
  /** Marks the row that is shown elsewhere on the screen. */
  readonly isPresent?: (row: Row) => boolean
}

export function Table<Row>(props: TableProps<Row>) {
  const { label, columns, rows, keyOf, empty, next, nextTitle, first, isPresent } = props
  return (
    <>
      {rows.length === 0 ? <p class="empty">{empty}</p> : table()}
      {(next !== undefined || first !== undefined) && (
        <p class="pages">
          {first !== undefined && <a href={first}>First page</a>}
          {next !== undefined && (
            <a href={next} rel="next">
              {nextTitle ?? 'Next page'}
            </a>
          )}
        </p>
      )}
    </>
  )

  function table() {
    return (
      <table>
        <caption class="hidden">{label}</caption>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th key={title} scope="col" class={isNumber ? 'number' : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={keyOf(row)}
              data-row
              tabIndex={-1}
              onKeyDown={openLink}
              aria-current={isPresent?.(row) ? 'true' : undefined}
            >
              {columns.map(({ title, cell, isNumber, isName, isHeader }) => {
                const Cell = isHeader ? 'th' : 'td'
                return (
                  <Cell
                    key={title}
                    scope={isHeader ? 'row' : undefined}
                    class={isNumber ? 'number' : isName ? 'name' : undefined}
                    data-title={title}
                  >
                    {cell(row)}
                  </Cell>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    )
  }
}

/** Enter follows the first link of the row that has the focus. */
function openLink({ key, target, currentTarget }: KeyboardEvent): void {
  if (key !== 'Enter' || target !== currentTarget) return
  ;(currentTarget as HTMLElement).querySelector('a')?.click()
}
