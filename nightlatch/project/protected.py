"""Files that only the person and the loop change, as patterns relative to the project."""

# What the loop writes on the branch beside the plan.
RECORDS = ("progress.txt", "progress/**", "findings/**")
# What is put back to the base in every candidate unless [protect] paths says otherwise: whatever
# judges the work, and whatever would run as the person or as the next agent.
PUT_BACK = (
    *(
        "checks/**",
        "prompts/**",
        "loop.toml",
        "loop.py",
        "init.sh",
        "prd.json",
        *RECORDS,
        ".github/**",
    ),
    *(".claude/**", ".codex/**", ".gemini/**", ".cursor/**", ".mcp.json", ".husky/**"),
    *(".gitmodules", ".gitattributes"),
)
# Where a range of commits is looked at, nothing is put back, and a person should see a change of
# what runs their CI.
CI = (
    *(".ci/**", ".circleci/**", ".buildkite/**", ".gitlab/**", ".gitlab-ci.yml", ".travis.yml"),
    *("azure-pipelines.yml", "Jenkinsfile", "bitbucket-pipelines.yml", ".woodpecker/**"),
    *(".drone.yml", ".pre-commit-config.yaml", "lefthook.yml"),
)
