// Prints the reference of a Go package as a page of HTML, in which each name has an anchor, such as
// Store.Backup. `go doc` prints text, and godoc needs a server.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	format "go/printer"
	"go/token"
	"html"
	"io/fs"
	"os"
	"strings"
)

const style = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 0 auto; padding: 1rem 1rem 4rem; }
pre { padding: .75rem; overflow-x: auto; background: #8881; border-radius: .3rem; }
pre, code { font: 14px/1.45 ui-monospace, monospace; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; }
h3 { margin-top: 2rem; overflow-wrap: anywhere; }
nav ul { columns: 16rem; padding-left: 1.2rem; overflow-wrap: anywhere; }
`

// printer returns one whose links to other packages leave the site.
func printer(level int) *comment.Printer {
	p := pkg.Printer()
	p.HeadingLevel = level
	p.DocLinkBaseURL = "https://pkg.go.dev"
	return p
}

var (
	files = token.NewFileSet()
	pkg   *doc.Package
)

func source(node any) string {
	var text bytes.Buffer
	config := format.Config{Mode: format.UseSpaces | format.TabIndent, Tabwidth: 4}
	if err := config.Fprint(&text, files, node); err != nil {
		panic(err)
	}
	return html.EscapeString(text.String())
}

// section prints a declaration with its heading and its documentation.
func section(level int, anchor, title string, declaration ast.Node, text string) {
	fmt.Printf("<h%d id=\"%s\">%s</h%d>\n<pre>%s</pre>\n", level, anchor, title, level, source(declaration))
	os.Stdout.Write(printer(4).HTML(pkg.Parser().Parse(text)))
}

func values(groups []*doc.Value) {
	for _, group := range groups {
		for _, name := range group.Names {
			if ast.IsExported(name) {
				fmt.Printf("<a id=\"%s\"></a>", name)
			}
		}
		fmt.Printf("<pre>%s</pre>\n", source(group.Decl))
		os.Stdout.Write(printer(4).HTML(pkg.Parser().Parse(group.Doc)))
	}
}

func functions(level int, of []*doc.Func) {
	for _, f := range of {
		anchor, title := f.Name, "func "+f.Name
		if f.Recv != "" {
			owner := strings.TrimLeft(f.Recv, "*")
			anchor, title = owner+"."+f.Name, "func ("+f.Recv+") "+f.Name
		}
		section(level, anchor, title, f.Decl, f.Doc)
	}
}

func main() {
	isSource := func(file fs.FileInfo) bool { return !strings.HasSuffix(file.Name(), "_test.go") }
	parsed, err := parser.ParseDir(files, os.Args[1], isSource, parser.ParseComments)
	if err != nil {
		panic(err)
	}
	pkg = doc.New(parsed["rbtoken"], "rbtoken", 0)
	fmt.Printf("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"+
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"+
		"<title>rbtoken: Go reference</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n"+
		"<h1>Package rbtoken for Go</h1>\n<nav><ul>\n", style)
	for _, f := range pkg.Funcs {
		fmt.Printf("<li><a href=\"#%s\">func %s</a></li>\n", f.Name, f.Name)
	}
	for _, t := range pkg.Types {
		fmt.Printf("<li><a href=\"#%s\">type %s</a></li>\n", t.Name, t.Name)
	}
	fmt.Print("</ul></nav>\n")
	os.Stdout.Write(printer(2).HTML(pkg.Parser().Parse(pkg.Doc)))
	fmt.Print("<h2 id=\"constants\">Constants and variables</h2>\n")
	values(pkg.Consts)
	values(pkg.Vars)
	fmt.Print("<h2 id=\"functions\">Functions</h2>\n")
	functions(3, pkg.Funcs)
	for _, t := range pkg.Types {
		section(2, t.Name, "type "+t.Name, t.Decl, t.Doc)
		values(t.Consts)
		values(t.Vars)
		functions(3, t.Funcs)
		functions(3, t.Methods)
	}
	fmt.Print("</main>\n</body>\n</html>\n")
}
