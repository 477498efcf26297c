"""The features, editors, models and languages that this version knows.

Sources: GitHub's documentation "Data available in Copilot usage metrics", VS Code's language ids,
and names observed in reports.
"""

# Placeholders for missing names, in all dimensions.
PSEUDO_NAMES = frozenset({"others", "other", "unknown", "auto", "custom"})


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KNOWN_NAMES = {
    "feature": frozenset(
        {
            "code_completion",
            "chat_inline",
            *(
                f"chat_panel_{mode}_mode"
                for mode in ("ask", "edit", "agent", "plan", "custom", "unknown")
            ),
            "agent_edit",
            "copilot_cli",
            "copilot_app",
        }
    ),
    "ide": words(
        """
            vscode visualstudio intellij eclipse xcode neovim vim emacs zed jupyter cursor
            """
    ),
    "model": words(
        """
            default gpt-4 gpt-4-turbo gpt-4o gpt-4o-mini gpt-4.1 gpt-4.1-mini gpt-4.5 gpt-5
            gpt-5-mini gpt-5-codex gpt-5.1 gpt-5.1-codex gpt-5.1-codex-mini gpt-5.1-codex-max
            gpt-5.2 gpt-5.2-codex gpt-5.3 gpt-5.3-codex gpt-5.4 gpt-5.4-mini gpt-5.4-codex o1
            o1-mini o1-preview o3 o3-mini o4-mini claude-sonnet-3.5 claude-sonnet-3.7
            claude-sonnet-3.7-thought claude-sonnet-4 claude-sonnet-4.5 claude-sonnet-4.6
            claude-opus-4 claude-opus-4.1 claude-opus-4.5 claude-opus-4.6 claude-haiku-4.5
            gemini-2.0-flash gemini-2.5-pro gemini-2.5-flash gemini-3-pro gemini-3-flash
            gemini-3.1-pro grok-code-fast-1 raptor-mini goldeneye
            """
    ),
    "language": words(
        """
            abap ada apex applescript arduino asciidoc asp.net assembly astro awk bash bat batch
            batchfile bibtex bicep bison blade c c# c++ clojure cmake cobol coffeescript cpp crystal
            css csv cuda cython d dart diff django-html dockercompose dockerfile dotenv editorconfig
            elixir elm erb erlang f# fish fortran fsharp gherkin gitattributes git-commit git-rebase
            gitignore glsl go gomod gosum gradle graphql groovy haml handlebars haskell haxe hcl
            helm hlsl html http ignore ini java javascript javascriptreact jinja jinja-html json
            json5 jsonc jsonl jsonnet jsx julia jupyter kotlin kusto latex less lisp liquid log lua
            makefile markdown matlab mdx mermaid meson mojo mustache nginx nim nix nunjucks
            objective-c objective-cpp ocaml odin pascal perl perl6 php pip-requirements plsql
            postcss powershell prisma prompt proto proto3 protobuf pug puppet purescript python qml
            r racket raku razor restructuredtext ruby rust sas sass scala scheme scss search-result
            shaderlab smarty solidity sql starlark stylus svelte swift systemverilog tcl tex text
            toml twig typescript typescriptreact typst v vala vb verilog vhdl vim viml visualbasic
            vue vue-html wgsl xaml xml xsl yaml zig zsh
            """
    ),
}
