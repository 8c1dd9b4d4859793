"""Every error that a person can meet: what is wrong, where, what to do next, and the exit code
it ends with."""


class NightlatchError(Exception):
    """Something a person can put right; shown as sentences, never as a traceback."""

    exit = 70

    def __init__(self, problem: str, *, place: str = "", fix: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = place
        self.fix = fix

    def __str__(self) -> str:
        head = f"{self.place}: {self.problem}" if self.place else self.problem
        return f"{head}\nfix: {self.fix}" if self.fix else head


class UsageError(NightlatchError):
    """The command was given something it cannot use."""

    exit = 2


class PlanError(UsageError):
    """The plan cannot be read as it stands."""


class ConfigError(UsageError):
    """loop.toml, the environment or a flag holds something that is not a setting."""


class SettingsError(UsageError):
    """Settings, plan or loop are not what the person wrote, or it cannot be told which are."""


class RepoError(UsageError):
    """The repository is missing, unsupported, or in a state that the loop cannot work from."""


class SigningError(RepoError):
    """A commit cannot be signed: a key is locked, or gone, and nobody is there to unlock it."""

    exit = 4


class PromptError(UsageError):
    """A prompt template cannot be rendered."""


class FindingError(UsageError):
    """A finding cannot be read, or what is said of one may not be said that way."""


class PlannerError(NightlatchError):
    """What a planner answered may not be written into the plan."""

    exit = 1


class FaultError(NightlatchError):
    """The agent or the environment is at fault: nothing about the features is known."""

    exit = 4


class SandboxError(FaultError):
    """There is no sandbox, or it does not start."""


class DiskError(FaultError):
    """The disk is full, or does not take what is written."""


class RedBaseError(NightlatchError):
    """The branch itself fails its own tests or checks."""

    exit = 5


class BusyError(NightlatchError):
    """Somebody else holds what is needed; trying later may work."""

    exit = 75
