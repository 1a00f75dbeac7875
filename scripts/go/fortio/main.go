// Fortio as it is, built from its pinned modules: the load tool of `npm run bench -- request`.
package main

import "fortio.org/fortio/cli"

func main() {
	cli.FortioMain(nil)
}
