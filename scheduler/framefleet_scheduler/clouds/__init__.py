"""The front doors of other clouds: requests of their official SDKs, translated to tasks and back (docs/adr/0024).

`door` finds such requests on the API's port, `signatures` and `gate` see who sends them, and a front (`alibaba`, `tencent`,
`visionular`) answers in its dialect by way of the `engine`. No dialect is known outside of this package.
"""
