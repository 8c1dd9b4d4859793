"""How an agent of a project is invoked: program, brief, sandbox and limits, for every caller."""

from pathlib import Path

from nightlatch.agents.registry_io import AgentFiles, AgentInvocation
from nightlatch.project.project import Project
from nightlatch.sandbox.base import Sandbox, SandboxSpec
from nightlatch.sandbox.process.supervisor import Timeouts
from nightlatch.workspace.workspace import Workspace


def invocation(
    project: Project, workspace: Workspace, sandbox: Sandbox, spec: SandboxSpec, brief: Path
) -> AgentInvocation:
    """Return how an agent of this project is invoked in a workspace, within the limits of a
    session; callers replace what differs."""
    limits = project.config.limits
    return AgentInvocation(
        project=project.repo.folder,
        files=AgentFiles(brief=brief, out=workspace.out),
        spec=spec,
        sandbox=sandbox,
        limits=Timeouts(wall=limits.session, idle=limits.idle, tool=limits.tool),
        secrets=project.secrets,
    )
