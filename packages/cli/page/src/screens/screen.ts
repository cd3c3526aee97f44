/** What a screen of the page is. */
import type { ComponentType } from 'preact'

export interface ScreenProps {
  /** The parameters of the address. */
  readonly params: Readonly<Record<string, string>>
  /** The name in the address: that of the screen, or one of its parts. */
  readonly part: string
}

export interface Screen {
  readonly name: string
  readonly title: string
  /** The second key of its shortcut, after `g`. */
  readonly key: string
  readonly shown: ComponentType<ScreenProps>
  /** Further names in the address that show this screen, such as one stream of the list. */
  readonly parts?: readonly string[]
  /** Not in the navigation. */
  readonly isHidden?: boolean
}
